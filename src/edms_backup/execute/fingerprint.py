"""A hash of content that does not depend on ids or on the order of rows.

A table's hash is the sum, modulo 2^256, of the BLAKE2b hashes of its canonical rows: each row without its
surrogate key, references as key values. A sum, unlike a sorted list, needs no memory, and unlike XOR it does not
cancel out rows that occur twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from edms_backup.archive.reader import ArchiveReader
from edms_backup.backends import open_backend
from edms_backup.backends.extract import extract_lines
from edms_backup.config.registry_file import read_registry
from edms_backup.execute.catalog import load_catalog
from edms_backup.execute.rows import CanonicalRows, ContentSum
from edms_backup.model import Keyed
from edms_backup.options import Source
from edms_backup.plan.extract import plan_extract
from edms_backup.plan.source import read_schema
from edms_backup.progress import Progress
from edms_backup.report import FingerprintReport


class TableHash:
    """The growing hash of one table."""

    def __init__(self, keyed: Keyed, name: str) -> None:
        self._reader = CanonicalRows(keyed, name)
        self._sum = ContentSum()

    def add(self, lines: Sequence[bytes]) -> int:
        """Add rows; returns how many."""
        for line in lines:
            self._sum.add(self._reader.read(line).digest)
        return len(lines)

    def hexdigest(self) -> str:
        """The hash so far."""
        return self._sum.hexdigest()


def fingerprint_archive(path: Path, progress: Progress) -> FingerprintReport:
    """The fingerprint of an archive. Raises ArchiveError."""
    with ArchiveReader.open(path) as reader:
        keyed = read_schema(reader.read_file("schema.json")).keyed
        progress.stage("reading", reader.manifest.rows)
        tables = {}
        for table in reader.manifest.tables:
            hashing = TableHash(keyed, table.name)
            for lines in reader.lines(table.name):
                progress.advance(hashing.add(lines), table.name)
            tables[table.name] = hashing.hexdigest()
    return _report(tables)


def fingerprint_database(source: Source, progress: Progress) -> FingerprintReport:
    """The fingerprint of a database. Raises EnvironmentFailed, RegistryError."""
    registry = read_registry(source.registry)
    with open_backend(source.url, read_only=True) as backend:
        catalog = load_catalog(backend, registry)
        with backend.failures("cannot read a snapshot of"):
            backend.begin_snapshot([table.table for table in catalog.keyed.values()])
        progress.stage("reading")
        tables = {}
        for name in sorted(catalog.keyed):
            hashing = TableHash(catalog.keyed, name)
            for lines in extract_lines(backend, catalog.keyed, plan_extract(catalog.keyed, name)):
                progress.advance(hashing.add(lines), name)
            tables[name] = hashing.hexdigest()
        backend.rollback()
    return _report(tables)


def _report(tables: Mapping[str, str]) -> FingerprintReport:
    whole = hashlib.blake2b(digest_size=16)
    for name, fingerprint in sorted(tables.items()):
        whole.update(orjson.dumps([name, fingerprint]))
    return FingerprintReport(whole.hexdigest(), dict(sorted(tables.items())))
