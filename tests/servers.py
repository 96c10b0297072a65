"""Real database servers for tests: those named in the environment, else private ones that live as long as the run."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pymysql
import sqlalchemy as sa
from pymysql.constants import CLIENT
from sqlalchemy.pool import NullPool

PRODUCTS = ("sqlite", "postgresql", "mariadb")
PASSWORD = "s3cret-of-the-test-server"
START_SECONDS = 60


class Unavailable(Exception):
    """A server can be neither reached nor started here; the text says what is missing."""


@dataclass(frozen=True)
class Database:
    """One database of a test."""

    product: str
    url: str
    """SQLAlchemy URL, with the password."""

    def engine(self, **options: Any) -> sa.Engine:
        """An engine that keeps no connection open, so that the database can be dropped."""
        return sa.create_engine(self.url, poolclass=NullPool, **options)

    def execute_script(self, sql: str) -> None:
        """Run statements separated by semicolons as the driver takes them, and commit."""
        multi = {"client_flag": CLIENT.MULTI_STATEMENTS} if self.product == "mariadb" else {}
        with self.raw_connection(**multi) as connection:
            if self.product == "sqlite":
                connection.executescript(sql)
            else:
                cursor = connection.cursor()
                cursor.execute(sql)
                while cursor.nextset():  # else an error in a later statement is never seen
                    pass
            connection.commit()

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of one query."""
        with self.engine().connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]

    @contextmanager
    def raw_connection(self, **connect_args: Any) -> Iterator[Any]:
        """A connection of the driver itself (psycopg, pymysql, sqlite3), rolled back and closed at the end."""
        pooled = self.engine(connect_args=connect_args).raw_connection()
        try:
            yield pooled.driver_connection
        finally:
            pooled.close()


@dataclass
class Servers:
    """The servers of one test run (of one worker of it), each started when it is first asked for."""

    _stack: ExitStack = field(default_factory=ExitStack)
    _urls: dict[str, sa.URL] = field(default_factory=dict)
    _failed: dict[str, Exception] = field(default_factory=dict)

    def url(self, product: str) -> sa.URL:
        """Where databases can be created. Raises Unavailable; a second call fails as fast as it can."""
        if product in self._failed:
            raise self._failed[product]
        if product not in self._urls:
            try:
                self._urls[product] = self._find(product)
            except Exception as error:
                self._failed[product] = error
                raise
        return self._urls[product]

    def _find(self, product: str) -> sa.URL:
        given = os.environ.get(f"EDMS_TEST_{product.upper()}_URL")
        if given:
            return sa.make_url(given)
        return self._stack.enter_context(STARTERS[product]())

    def close(self) -> None:
        """Stop what was started."""
        self._stack.close()

    @contextmanager
    def database(self, product: str) -> Iterator[Database]:
        """A new, empty database under a name of its own; dropped at the end."""
        server = self.url(product)
        name = f"edms_test_{uuid4().hex[:12]}"
        admin = Database(product, server.render_as_string(hide_password=False))
        _run_alone(admin, f"CREATE DATABASE {name}{CREATE_OPTIONS[product]}")
        try:
            yield Database(product, server.set(database=name).render_as_string(hide_password=False))
        finally:
            _run_alone(admin, f"DROP DATABASE {name}{DROP_OPTIONS[product]}")


# template0: an administrator may have put something into the other template.
CREATE_OPTIONS: Mapping[str, str] = {
    "postgresql": " TEMPLATE template0 ENCODING 'UTF8'",
    "mariadb": " CHARACTER SET utf8mb4",
}
DROP_OPTIONS: Mapping[str, str] = {"postgresql": " WITH (FORCE)", "mariadb": ""}


def _run_alone(database: Database, sql: str) -> None:
    """Run a statement that allows no transaction around it."""
    with database.engine(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(sql)


@contextmanager
def _private_postgresql() -> Iterator[sa.URL]:
    programs = _postgresql_programs()
    with _server_folder("postgres") as (folder, account):
        data, password = folder / "data", folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        _run(
            [
                *(programs / "initdb", "-D", data, "-U", "edms", "-E", "UTF8", "--locale=C", "--no-sync"),
                *("-A", "scram-sha-256", f"--pwfile={password}"),
            ],
            account,
        )
        port = _free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            # Not UTC: a time that is read without its zone shows.
            "timezone": "Asia/Kolkata",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [programs / "postgres", "-D", data, "-p", port, *options]
        url = sa.URL.create("postgresql+psycopg", "edms", PASSWORD, "127.0.0.1", port, "postgres")
        with _running(command, folder / "log", account, stop=signal.SIGQUIT) as check:
            _wait(lambda: _answers(url), check)
            yield url


def _postgresql_programs() -> Path:
    """The folder of `initdb` and `postgres`: on PATH, else where Debian keeps the newest."""
    found = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    candidates = ([Path(found).resolve()] if found else []) + installed[::-1]
    for program in candidates:
        if (program.parent / "postgres").exists():
            return program.parent
    raise Unavailable(
        "no PostgreSQL server: set EDMS_TEST_POSTGRESQL_URL, or install one (Debian: apt-get install postgresql)"
    )


@contextmanager
def _private_mariadb() -> Iterator[sa.URL]:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    server, install = (shutil.which(name, path=path) for name in ("mariadbd", "mariadb-install-db"))
    if not server or not install:
        raise Unavailable(
            "no MariaDB server: set EDMS_TEST_MARIADB_URL, or install one (Debian: apt-get install mariadb-server)"
        )
    with _server_folder("mysql") as (folder, account):
        data, port, unix_socket = folder / "data", _free_port(), folder / "socket"
        user = [f"--user={account.pw_name}"] if account else []
        _run(
            [
                *(install, "--no-defaults", f"--datadir={data}", *user),
                *("--auth-root-authentication-method=normal", "--skip-test-db"),
            ]
        )
        command = [
            *(server, "--no-defaults", f"--datadir={data}", f"--socket={unix_socket}", f"--port={port}", *user),
            *("--bind-address=127.0.0.1", f"--pid-file={folder / 'pid'}", "--skip-name-resolve"),
            *("--character-set-server=utf8mb4", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin"),
            *("--innodb-buffer-pool-size=64M", "--innodb-fast-shutdown=2", "--max-allowed-packet=64M"),
            # Not UTC: a time that is read without its zone shows.
            "--default-time-zone=+05:30",
        ]
        with _running(command, folder / "log", account=None, stop=signal.SIGTERM) as check:
            _wait(unix_socket.exists, check)
            with contextlib.closing(pymysql.connect(unix_socket=str(unix_socket), user="root")) as root:
                root.cursor().execute("CREATE USER edms@'%%' IDENTIFIED BY %s", (PASSWORD,))
                root.cursor().execute("GRANT ALL ON *.* TO edms@'%' WITH GRANT OPTION")
            yield sa.URL.create("mariadb+pymysql", "edms", PASSWORD, "127.0.0.1", port, query={"charset": "utf8mb4"})


STARTERS: Mapping[str, Callable[[], AbstractContextManager[sa.URL]]] = {
    "postgresql": _private_postgresql,
    "mariadb": _private_mariadb,
}


@contextmanager
def _server_folder(preferred: str) -> Iterator[tuple[Path, pwd.struct_passwd | None]]:
    """A folder for a server, and the account to run it as where we are root (servers refuse to run as root)."""
    account = None
    if os.geteuid() == 0:
        names = {entry.pw_name: entry for entry in pwd.getpwall()}
        account = names.get(preferred) or names["nobody"]
    # Not pytest's folder: a socket's path may have about 100 characters, and the account must get there.
    folder = Path(tempfile.mkdtemp(prefix="edms-test-"))
    try:
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
        yield folder, account
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _run(command: list[Any], account: pwd.struct_passwd | None = None) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **_identity(account),
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")


@contextmanager
def _running(
    command: list[Any], log: Path, account: pwd.struct_passwd | None, stop: signal.Signals
) -> Iterator[Callable[[], None]]:
    """A server process; yields a check that raises, with its log, once it has ended by itself."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for pytest, which then stops the server.
            start_new_session=True,
            **_identity(account),
        )

    def check() -> None:
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{log.read_text(errors='replace')}")

    try:
        yield check
    finally:
        process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(ready: Callable[[], bool], check: Callable[[], None]) -> None:
    """Ask until the server is ready. Raises what `check` raises, or TimeoutError."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server is not ready after {START_SECONDS} seconds")
        time.sleep(0.05)


def _answers(url: sa.URL) -> bool:
    try:
        Database(url.get_backend_name(), url.render_as_string(hide_password=False)).fetch("SELECT 1")
    except sa.exc.OperationalError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
