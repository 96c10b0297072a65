"""`python -m edms_backup`."""

from edms_backup.cli.main import main

if __name__ == "__main__":
    main()
