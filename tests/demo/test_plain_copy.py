from __future__ import annotations

from pathlib import Path

from edms_backup.demo.build import To, build
from edms_backup.demo.data import FRESH_FIRST_ID, LIVE_FIRST_ID, fresh_rows, live_rows
from edms_backup.demo.plain_copy import NAMES, plain_copy


def test_each_reference_is_counted_once(tmp_path: Path) -> None:
    rows = live_rows()
    build(tmp_path / "live", rows, LIVE_FIRST_ID)
    build(tmp_path / "fresh", fresh_rows(), FRESH_FIRST_ID)
    found = plain_copy(tmp_path / "live", tmp_path / "fresh")
    references = [
        value
        for table, its_rows in rows.items()
        for row in its_rows
        for value in row.values.values()
        # The database knows nothing of the owner of a search.
        if isinstance(value, To) and value.table in NAMES and not value.as_text and table != "saved_searches"
    ]
    assert found.right + found.wrong + found.lost == len(references)
    assert min(found.right, found.wrong, found.lost) > 0


def test_ids_that_are_the_same_are_right(tmp_path: Path) -> None:
    build(tmp_path / "live", live_rows(), LIVE_FIRST_ID)
    found = plain_copy(tmp_path / "live", tmp_path / "live")
    assert found.right
    assert (found.wrong, found.lost) == (0, 0)
