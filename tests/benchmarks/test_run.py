from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import diff
from benchmarks.run import TOOL, WORKS, main


def test_a_minimal_run_on_sqlite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--rows", "60", "--runs", "1", "--products", "sqlite", "--results", str(tmp_path)])
    (file,) = tmp_path.iterdir()
    document = json.loads(file.read_text())
    ours = [one for one in document["results"] if one["tool"] == TOOL]
    assert [one["work"] for one in ours] == list(WORKS)
    assert all(one["seconds"] > 0 and one["peak_mib"] > 0 and one["rows"] >= 60 for one in ours)
    assert ours[0]["archive_bytes"] > 0
    table = capsys.readouterr().out
    assert all(work in table for work in WORKS)


def test_a_minimal_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    diff.main(["--rows", "60"])
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [line[2] for line in lines] == [diff.EQUAL, diff.TEN]


def test_a_product_without_an_address(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("EDMS_TEST_MARIADB_URL", raising=False)
    with pytest.raises(SystemExit):
        main(["--products", "mariadb"])
    assert "EDMS_TEST_MARIADB_URL" in capsys.readouterr().err
