"""The archive: what `create` writes and `restore` reads, as bytes lines. Knows no value and no database.

Format 1 is specified in docs/archive-format.md.
"""

from edms_backup.archive.manifest import Manifest, ManifestFile, ManifestTable, Part, SourceFacts
from edms_backup.archive.names import archive_path_in
from edms_backup.archive.reader import ArchiveReader
from edms_backup.archive.writer import ArchiveWriter, Written

__all__ = [
    "ArchiveReader",
    "ArchiveWriter",
    "Manifest",
    "ManifestFile",
    "ManifestTable",
    "Part",
    "SourceFacts",
    "Written",
    "archive_path_in",
]
