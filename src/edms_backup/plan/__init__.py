"""What a backup or a restore is going to do, as pure data."""
