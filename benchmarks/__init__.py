"""How fast edms-backup is, beside dump tools that know nothing of keys: `python -m benchmarks.run`."""
