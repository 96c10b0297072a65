"""What goes wrong around a backup or restore: each has its exit code and one line that helps."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.oracle import everything
from tests.restore.helpers import EDMS, EDMS_ROWS, USERS, Case, call, error_line
from tests.servers import PASSWORD, Database


@pytest.fixture
def case(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> Case:
    return Case(product, database_factory, tmp_path)


@pytest.fixture
def lite(new_database: Callable[[str], Database], tmp_path: Path) -> Case:
    """SQLite alone: what fails has nothing to do with the product."""
    return Case("sqlite", lambda: new_database("sqlite"), tmp_path)


def says(answer_line: str, *words: str | Path) -> None:
    for word in words:
        assert str(word) in answer_line, answer_line


# --- create: the source -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.tar", "out"])
def test_a_duplicate_key_in_the_source(case: Case, tmp_path: Path, name: str) -> None:
    schema = USERS.replace("NOT NULL UNIQUE", "NOT NULL")
    source = case.database(schema, "INSERT INTO users (username) VALUES ('twin'), ('other'), ('twin')")
    before, files = everything(source), set(tmp_path.iterdir())
    registry = case.registry("users: {key: [username]}")
    answer = call("create", "--db", source.url, "--registry", registry, "-o", tmp_path / name, "-q")
    assert answer.exit_code == 2
    says(error_line(answer), "2 rows", "users", "username = twin", "registry")
    assert set(tmp_path.iterdir()) - files == {registry}, "an archive is left, or a part of one"
    assert everything(source) == before

    answer = call("create", "--db", source.url, "--registry", registry, "-o", tmp_path / name, "--json")
    assert answer.exit_code == 2
    assert answer.document["error"]["code"] == "registry"


def test_a_duplicate_key_with_null(case: Case, tmp_path: Path) -> None:
    # NULL matches NULL, whatever the database's UNIQUE says.
    schema = "CREATE TABLE t (id {id}, a varchar(9) NOT NULL, b varchar(9), UNIQUE (a, b));"
    source = case.database(schema, "INSERT INTO t (a, b) VALUES ('x', NULL), ('x', NULL), ('y', NULL)")
    registry = case.registry("t: {key: [a, b]}")
    answer = call("create", "--db", source.url, "--registry", registry, "-o", tmp_path / "out.tar", "-q")
    assert answer.exit_code == 2
    says(error_line(answer), "2 rows", "table t", "a = x", "b = NULL")
    assert not (tmp_path / "out.tar").exists()


@pytest.mark.parametrize("ending", ["--into", "-o"])
def test_a_referenced_table_without_a_key(case: Case, tmp_path: Path, ending: str) -> None:
    schema = EDMS.replace("username varchar(50) NOT NULL UNIQUE", "username varchar(50) NOT NULL")
    source = case.database(schema, EDMS_ROWS)
    place = tmp_path / "place"
    answer = call("create", "--db", source.url, ending, place, "-q")
    assert answer.exit_code == 2
    says(error_line(answer), "table users", "no natural key", "refer", "users: {key: [column")
    assert not place.exists() or not any(place.iterdir())


def test_tables_that_nobody_has(lite: Case, archive: Path, tmp_path: Path) -> None:
    target = lite.database(EDMS)
    for command in (
        ("restore", archive, "--db", target.url, "--tables", "user"),
        ("create", "-o", tmp_path / "out.tar", "--db", target.url, "--tables", "user"),
    ):
        answer = call(*command, "-q")
        assert answer.exit_code == 2, answer.text
        says(error_line(answer), "user", "hint: ")
    assert not (tmp_path / "out.tar").exists()


def test_a_registry_that_does_not_fit_the_database(lite: Case, tmp_path: Path) -> None:
    source = lite.database(USERS)
    registry = lite.registry("users: {key: [user_name]}")
    answer = call("create", "--db", source.url, "--registry", registry, "-o", tmp_path / "out.tar", "-q")
    assert answer.exit_code == 2
    says(error_line(answer), f"{registry.name}:3", "users", "user_name", "username")


# --- the database -----------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(lite: Case) -> Path:
    return lite.archive(lite.database(EDMS, EDMS_ROWS))


def _every_command(url: str, archive: Path, out: Path) -> list[tuple[str | Path, ...]]:
    return [
        ("create", "--db", url, "-o", out),
        ("restore", archive, "--db", url),
        ("restore", archive, "--db", url, "--dry-run"),
        ("inventory", "--db", url),
        ("fingerprint", url),
    ]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_wrong_password(new_database: Callable[[str], Database], archive: Path, tmp_path: Path, kind: str) -> None:
    target = new_database(kind)
    url = sa.make_url(target.url).set(password="wr0ng-s3cret").render_as_string(hide_password=False)
    before = everything(target)
    for command in _every_command(url, archive, tmp_path / "out.tar"):
        answer = call(*command, "-q")
        assert answer.exit_code == 1, command
        line = error_line(answer)
        says(line, "cannot connect", "127.0.0.1", "edms", "hint: check the user and the password")
        for flags in ((), ("-vv",), ("--json",)):
            told = call(*command, *flags).text
            assert "wr0ng-s3cret" not in told
            assert PASSWORD not in told
    assert everything(target) == before
    assert not (tmp_path / "out.tar").exists()


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "mariadb+pymysql"])
def test_an_unreachable_server(archive: Path, tmp_path: Path, driver: str) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and never listens
        port = reserved.getsockname()[1]
        url = f"{driver}://edms:s3cret@127.0.0.1:{port}/edms"
        for command in _every_command(url, archive, tmp_path / "out.tar"):
            answer = call(*command, "-q")
            assert answer.exit_code == 1, command
            line = error_line(answer)
            says(line, "cannot connect", f"127.0.0.1:{port}", "hint: check that the server runs", "host and port")
            assert "s3cret" not in line


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "mariadb+pymysql"])
def test_a_host_that_does_not_exist(archive: Path, driver: str) -> None:
    answer = call("restore", archive, "--db", f"{driver}://edms:s3cret@nosuch.invalid/edms", "-q")
    assert answer.exit_code == 1
    says(error_line(answer), "cannot connect", "nosuch.invalid", "hint: check")


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_does_not_exist(new_database: Callable[[str], Database], archive: Path, kind: str) -> None:
    url = sa.make_url(new_database(kind).url).set(database="no_such_database").render_as_string(hide_password=False)
    answer = call("restore", archive, "--db", url, "-q")
    assert answer.exit_code == 1
    says(error_line(answer), "no_such_database", "hint: ")


def test_a_database_file_that_does_not_exist(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "nosuch.sqlite3"
    for command in _every_command(f"sqlite:///{path}", archive, tmp_path / "out.tar"):
        answer = call(*command, "-q")
        assert answer.exit_code == 1, command
        says(error_line(answer), path, "hint: check the path")
        assert not path.exists(), "an empty database was made"


def test_a_file_that_is_no_database(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.sqlite3"
    path.write_text("this is no database at all, but long enough to be read as one\n" * 50)
    content = path.read_bytes()
    for command in _every_command(f"sqlite:///{path}", archive, tmp_path / "out.tar"):
        answer = call(*command, "-q")
        assert answer.exit_code == 1, command
        says(error_line(answer), path, "not a database")
    assert path.read_bytes() == content


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x", "postgres://edms:s3cret@host/db", "sqlite://"])
def test_a_url_that_is_none(archive: Path, url: str) -> None:
    answer = call("restore", archive, "--db", url, "-q")
    assert answer.exit_code in {1, 2}
    says(error_line(answer), "hint: ")
    assert "s3cret" not in answer.text


def test_a_target_that_another_writes_to(lite: Case, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edms_backup.backends.sqlite.SQLite._engine", _impatient)
    target = lite.database(EDMS)
    with target.raw_connection() as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO users (username) VALUES ('busy')")
        answer = call("restore", archive, "--db", target.url, "-q")
        assert answer.exit_code == 1
        says(error_line(answer), "locked", target.url)
        dry = call("restore", archive, "--db", target.url, "--dry-run", "--json")
        assert dry.exit_code == 0, "a dry run waits for nobody"
        other.commit()
    assert target.fetch("SELECT username FROM users") == [("busy",)]


def _impatient(_: object, url: sa.URL) -> sa.Engine:
    return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool, connect_args={"timeout": 0.2})


def test_a_target_that_may_not_be_written(lite: Case, archive: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anything")
    target = lite.database(EDMS)
    Path(sa.make_url(target.url).database or "").chmod(0o400)
    answer = call("restore", archive, "--db", target.url, "-q")
    assert answer.exit_code == 1
    says(error_line(answer), "readonly")


def test_a_role_without_the_right_to_write(new_database: Callable[[str], Database], archive: Path) -> None:
    target = new_database("postgresql")
    Case("postgresql", lambda: target, archive.parent).database(EDMS)
    role = f"reader_{sa.make_url(target.url).database}"
    target.execute_script(
        f"CREATE ROLE {role} LOGIN PASSWORD 'reading'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    )
    before = everything(target)
    try:
        url = sa.make_url(target.url).set(username=role, password="reading").render_as_string(hide_password=False)
        answer = call("restore", archive, "--db", url, "-q")
        assert answer.exit_code == 1, answer.text
        says(error_line(answer), "permission denied", "users")
        assert "reading" not in answer.text.replace("reading the schema", "")
    finally:
        target.execute_script(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert everything(target) == before


# --- the archive ------------------------------------------------------------------------------------------------------


def _refuses_archive(lite: Case, path: Path, *words: str | Path) -> None:
    target = lite.database(EDMS, "INSERT INTO users (id, username) VALUES (822, 'mine')")
    before = everything(target)
    commands = [
        ("verify", path),
        ("restore", path, "--db", target.url),
        ("restore", path, "--db", target.url, "--dry-run"),
    ]
    for command in commands:
        answer = call(*command, "-q")
        assert answer.exit_code == 3, (command, answer.text)
        assert "bug of edms-backup" not in answer.text
        if command[0] == "restore":
            says(error_line(answer), *words)
        else:
            says(answer.text, *words)
        document = call(*command, "--json")
        assert document.exit_code == 3
        json.loads(document.stdout)
    assert everything(target) == before, "a damaged archive changed the target"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_tar_cut_short(lite: Case, archive: Path, tmp_path: Path, share: float) -> None:
    content = archive.read_bytes()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(content[: int(len(content) * share)])
    _refuses_archive(lite, cut, "cut.tar")


def _folder(archive: Path, tmp_path: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "folder", filter="data")
    folder = tmp_path / "folder"
    inside = list(folder.iterdir())
    return inside[0] if [p.name for p in inside] != ["backup.json"] and len(inside) == 1 else folder


def test_a_folder_without_its_manifest(lite: Case, archive: Path, tmp_path: Path) -> None:
    folder = _folder(archive, tmp_path)
    (folder / "backup.json").unlink()
    _refuses_archive(lite, folder, folder, "backup.json")


def test_a_folder_without_a_part(lite: Case, archive: Path, tmp_path: Path) -> None:
    folder = _folder(archive, tmp_path)
    (folder / "data" / "documents" / "00000.jsonl.zst").unlink()
    _refuses_archive(lite, folder, "documents/00000.jsonl.zst")


@pytest.mark.parametrize("name", ["data/documents/00000.jsonl.zst", "schema.json", "registry.yaml", "backup.json"])
def test_a_folder_with_a_file_cut_short(lite: Case, archive: Path, tmp_path: Path, name: str) -> None:
    folder = _folder(archive, tmp_path)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    _refuses_archive(lite, folder, name)


@pytest.mark.parametrize("name", ["data/documents/00000.jsonl.zst", "schema.json", "registry.yaml"])
def test_a_folder_with_a_byte_changed(lite: Case, archive: Path, tmp_path: Path, name: str) -> None:
    folder = _folder(archive, tmp_path)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    _refuses_archive(lite, folder, name)


def test_another_tar(lite: Case, tmp_path: Path) -> None:
    path = tmp_path / "other.tar"
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("hello.txt")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"hello"))
    _refuses_archive(lite, path, "other.tar")


@pytest.mark.parametrize("content", [b"", b"hello\n" * 1000, b"\x1f\x8b" + b"\0" * 5000, b"PK\x03\x04" + b"\0" * 2000])
def test_a_file_that_is_no_archive(lite: Case, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thing.tar"
    path.write_bytes(content)
    _refuses_archive(lite, path, "thing.tar")


def test_an_empty_folder_is_no_archive(lite: Case, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.mkdir()
    _refuses_archive(lite, path, path)


def test_a_database_is_no_archive(lite: Case) -> None:
    source = lite.database(EDMS)
    path = Path(sa.make_url(source.url).database or "")
    _refuses_archive(lite, path, path.name)


def test_a_path_that_does_not_exist(lite: Case, tmp_path: Path) -> None:
    target = lite.database(EDMS)
    path = tmp_path / "nosuch.tar"
    for command in (("verify", path), ("restore", path, "--db", target.url), ("fingerprint", path)):
        answer = call(*command, "-q")
        assert answer.exit_code == 2, command
        says(error_line(answer), path, "hint: ")
        assert "Errno" not in answer.text


def test_an_archive_that_may_not_be_read(archive: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read anything")
    archive.chmod(0)
    answer = call("verify", archive, "-q")
    assert answer.exit_code == 1
    says(error_line(answer), archive, "permission")


def test_a_newer_format(lite: Case, archive: Path, tmp_path: Path) -> None:
    folder = _folder(archive, tmp_path)
    manifest = json.loads((folder / "backup.json").read_text())
    (field,) = [name for name in manifest if name in ("format", "format_version")]
    manifest[field] = 99
    (folder / "backup.json").write_text(json.dumps(manifest))
    _refuses_archive(lite, folder, "99")


# --- where an archive goes --------------------------------------------------------------------------------------------


def _create_fails(lite: Case, output: Path, exit_code: int, *words: str | Path) -> None:
    source = lite.database(EDMS, EDMS_ROWS)
    answer = call("create", "--db", source.url, "-o", output, "-q")
    assert answer.exit_code == exit_code, answer.text
    says(error_line(answer), *words)


def test_an_output_that_exists(lite: Case, archive: Path, tmp_path: Path) -> None:
    content = archive.read_bytes()
    _create_fails(lite, archive, 2, archive, "exists", "hint: ")
    assert archive.read_bytes() == content
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "precious").write_text("x")
    _create_fails(lite, folder, 2, folder, "exists", "hint: ")
    assert [path.name for path in folder.iterdir()] == ["precious"]


def test_an_output_in_a_folder_that_is_none(lite: Case, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    _create_fails(lite, tmp_path / "file" / "out.tar", 2, tmp_path / "file", "hint: ")


def test_an_output_in_a_folder_that_does_not_exist(lite: Case, tmp_path: Path) -> None:
    source = lite.database(EDMS, EDMS_ROWS)
    output = tmp_path / "no" / "such" / "out.tar"
    answer = call("create", "--db", source.url, "-o", output, "-q")
    if answer.exit_code:
        assert answer.exit_code in {1, 2}
        says(error_line(answer), tmp_path / "no", "hint: ")
    else:
        assert call("verify", output).exit_code == 0


def test_an_output_that_cannot_be_written(lite: Case, tmp_path: Path) -> None:
    closed = Path("/proc/sys") if os.geteuid() == 0 else tmp_path / "closed"
    if os.geteuid():
        closed.mkdir(mode=0o500)
    _create_fails(lite, closed / "out.tar", 1, closed, "hint: ")


def test_a_full_disk(lite: Case, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    source = lite.database(
        "CREATE TABLE t (id {id}, code varchar(50) UNIQUE);",
        "INSERT INTO t (code) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
        " SELECT hex(randomblob(20)) FROM n",
    )
    program = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000));"
        "from edms_backup.cli.main import main; main()"
    )
    place = tmp_path / "place"
    place.mkdir()
    for name in ("out.tar", "out"):
        command = [sys.executable, "-c", program, "create", "--db", source.url, "-o", str(place / name), "-q"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done
        lines = done.stderr.splitlines()
        assert lines[0].startswith("error: ")
        assert "file too large" in lines[0]
        assert str(place) in lines[0]
        assert len(lines) <= 2
        assert not any(place.iterdir()), "a part of an archive is left"


def test_the_entry_point_itself(lite: Case, tmp_path: Path) -> None:
    """One failure and one success as a process, as cron runs it."""
    source, target = lite.database(EDMS, EDMS_ROWS), lite.database(EDMS)
    archive = tmp_path / "out.tar"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edms_backup", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("create", "--db", source.url, "-o", str(archive), "-q").returncode == 0
    done = run("restore", str(archive), "--db", target.url, "--tables", "documents", "--json")
    assert done.returncode == 4
    document = json.loads(done.stdout)
    assert {p["code"] for p in document["problems"]} == {"unresolved-reference"}
    shutil.copy(archive, tmp_path / "copy.tar")
    done = run("restore", str(tmp_path / "copy.tar"), "--db", target.url, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["totals"]["inserted"] == 7
