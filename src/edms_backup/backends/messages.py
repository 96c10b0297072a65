"""What drivers say of errors: their words on one line, whose fault it is, and what to do."""

from __future__ import annotations

import re

from sqlalchemy.exc import DBAPIError

_NOT_OF_THE_DATA = re.compile(
    r"database is locked|lock wait timeout|lock timeout|deadlock|disk|no space|tablespace .* full", re.IGNORECASE
)
"""Messages of a server that could not write now, whatever the data."""

_HINTS = (
    (("locked", "lock wait", "lock timeout", "deadlock"), "another session holds it; try again when that is done"),
    (("password", "access denied"), "check the user and the password of --db"),
    (("role ",), "check the user of --db"),
    (("permission denied", "command denied"), "grant the user of --db what it needs, or exclude it in the registry"),
    (("does not exist", "unknown database"), "check the name at the end of --db, or create the database first"),
    (("resolve host", "translate host", "name or service"), "check the host in --db"),
    (("refused", "can't connect", "timeout", "timed out"), "check that the server runs, and host and port of --db"),
)
"""What to do, by words of the driver's message."""


def driver_message(error: DBAPIError) -> str:
    """The driver's own words on one line."""
    words = error.orig.args[-1] if error.orig is not None and error.orig.args else str(error.orig)
    # PostgreSQL adds where in our own COPY it stumbled.
    return " ".join(str(words).partition("CONTEXT:")[0].split())


def is_of_the_data(error: DBAPIError) -> bool:
    """Whether the server refused the data: a lost connection, a lock or a full disk says nothing of them."""
    return not (error.connection_invalidated or _NOT_OF_THE_DATA.search(str(error.orig)))


def hint_for(error: DBAPIError) -> str | None:
    """What to do about a driver error."""
    text = str(error.orig).lower()
    return next((hint for words, hint in _HINTS if any(word in text for word in words)), None)
