"""Runs the plans: backup, restore, verify, inventory, fingerprint. One file a command, one function a phase."""
