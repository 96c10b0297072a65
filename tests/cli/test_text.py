from __future__ import annotations

import pytest

from edms_backup.cli.text import count, masked, safe, size, speed


@pytest.mark.parametrize(
    "raw, shown",
    [
        ("plain ü 標", "plain ü 標"),
        ("a\x1b[31mb\x9b", "a\\x1b[31mb\\x9b"),
        ("a\r\n\t\x00\x7f", "a\\r\\n\\t\\x00\\x7f"),
        ("\u2028\u202e\u2066\ufeff\ud800", "\\u2028\\u202e\\u2066\\ufeff\\ud800"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
)
def test_safe(raw: str, shown: str) -> None:
    assert safe(raw) == shown


@pytest.mark.parametrize(
    "raw, shown",
    [
        ("sqlite:///x.db", "sqlite:///x.db"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("to postgresql://u:p@h/d: no", "to postgresql://u:***@h/d: no"),
        ("mysql+pymysql://u:p:/@@h/d?charset=x&ssl_key=y", "mysql+pymysql://u:***@h/d?charset=***&ssl_key=***"),
        ("'postgresql://:p@h/d?password=q' and", "'postgresql://:***@h/d?password=***' and"),
        ("mail a@b, see http://x/y", "mail a@b, see http://x/y"),
    ],
)
def test_masked(raw: str, shown: str) -> None:
    assert masked(raw) == shown


def test_units() -> None:
    assert (count(1, "row"), count(0, "row"), count(1200, "row")) == ("1 row", "0 rows", "1,200 rows")
    assert [size(n) for n in (0, 999, 1000, 12_345_678, 10**15)] == ["0 B", "999 B", "1.0 kB", "12.3 MB", "1,000.0 TB"]
    assert (speed(10, 0.0), speed(0, 2.0), speed(100, 2.0)) == ("0.0 s", "2.0 s", "2.0 s, 50 rows/s")
