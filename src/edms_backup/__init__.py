"""Logical, portable database backups that survive a change of ids."""

__version__ = "0.1.0"
