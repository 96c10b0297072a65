"""Small archives, what is in them, and children that are allowed to die."""

from __future__ import annotations

import os
import resource
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from edms_backup.archive import ArchiveReader, ArchiveWriter, Manifest

NOW = datetime(2026, 11, 22, 21, 30, 5, tzinfo=UTC)
SCHEMA = b'{"tables": []}\n'
TABLES: Mapping[str, Sequence[bytes]] = {
    "users": [b'{"id": 1, "name": "\xc3\xa9"}', b'{"id": 2, "name": "\xe2\x80\xa8"}', b'{"id": 3}'],
    "empty": [],
    "documents": [b'{"id": 7}'] * 5,
}

Content = tuple[dict[str, list[bytes]], dict[str, bytes]]


def write(path: Path, tables: Mapping[str, Sequence[bytes]] = TABLES, *, part_rows: int = 2) -> Manifest:
    """An archive with these rows, in small parts."""
    with ArchiveWriter(path, part_rows=part_rows) as writer:
        for name, lines in tables.items():
            writer.begin_table(name)
            writer.write(lines)
            writer.end_table()
        writer.add_file("schema.json", SCHEMA)
        writer.add_file("registry.yaml", b"version: 1\n")
        return writer.publish(order=list(tables), source_product="sqlite", source_version="3", created=NOW)


def read(path: Path) -> Content:
    """Everything in an archive, everything checked."""
    with ArchiveReader.open(path) as reader:
        reader.check_members()
        tables = {
            table.name: [line for batch in reader.lines(table.name) for line in batch]
            for table in reader.manifest.tables
        }
        return tables, {file.name: reader.read_file(file.name) for file in reader.manifest.files}


def files(path: Path) -> list[Path]:
    """The file, or every file below the folder."""
    return [path] if path.is_file() else sorted(entry for entry in path.rglob("*") if entry.is_file())


def leftovers(folder: Path) -> list[str]:
    """Names of unfinished archives."""
    return [entry.name for entry in folder.iterdir() if ".partial-" in entry.name]


def in_child(task: Callable[[], object], *, memory: int | None = None) -> int:
    """Run in a process of its own, with at most so much more memory; its status as of `os.wait`."""
    child = os.fork()
    if not child:
        work(task, memory)
    return os.waitpid(child, 0)[1]


def work(task: Callable[[], object], memory: int | None = None) -> NoReturn:
    """What a child does, in the end exiting."""
    sys.settrace(None)  # what it covers is lost anyway, and its time is measured
    try:
        if memory is not None:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + memory
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        task()
    except BaseException:  # noqa: BLE001 - a child must not go on with the tests
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
