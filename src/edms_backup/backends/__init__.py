"""Databases: one complete default over SQLAlchemy Core, and what PostgreSQL, MariaDB and SQLite do differently."""

from __future__ import annotations

import importlib

from edms_backup.backends.base import Backend, parse_url
from edms_backup.errors import UsageError

_PRODUCTS = {
    "postgresql": ("edms_backup.backends.postgresql", "PostgreSQL", "psycopg"),
    "mariadb": ("edms_backup.backends.mariadb", "MariaDB", "pymysql"),
    "mysql": ("edms_backup.backends.mariadb", "MariaDB", "pymysql"),
    "sqlite": ("edms_backup.backends.sqlite", "SQLite", "sqlite3"),
}


def open_backend(url: str, *, read_only: bool = False) -> Backend:
    """The backend for a database URL, not yet connected. Raises UsageError for a URL that cannot be used."""
    parsed = parse_url(url)
    name = parsed.get_backend_name()
    if name not in _PRODUCTS:
        try:
            return Backend(parsed, read_only=read_only)
        except ImportError as error:
            raise UsageError(
                f"the driver for {name} is not installed ({error.name})", hint="use sqlite, postgresql or mariadb"
            ) from None
    module, class_name, driver = _PRODUCTS[name]
    try:
        importlib.import_module(driver)
    except ImportError as error:
        raise UsageError(
            f"the driver for {name} is not installed ({error.name})",
            hint=f"pip install 'edms-backup[{name}]'",
        ) from None
    backend: Backend = getattr(importlib.import_module(module), class_name)(parsed, read_only=read_only)
    return backend


__all__ = ["Backend", "open_backend"]
