"""The layers of the design: each imports only from those above it, and some libraries only in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "edms_backup"

# From the top down. Those of one line never import each other.
LAYERS = (
    ("",),  # the package itself: its version
    ("errors",),
    ("model",),
    ("options", "report", "progress"),
    ("values",),
    ("config",),
    ("graph",),
    ("plan",),
    ("backends", "archive"),
    ("execute",),
    ("api",),
    ("demo",),
    ("cli",),
    ("__main__",),
)
RANK = {layer: rank for rank, layers in enumerate(LAYERS) for layer in layers}

ONLY_IN = {
    "sqlalchemy": "backends",
    "psycopg": "backends",
    "pymysql": "backends",
    "networkx": "graph",
    "click": "cli",
    "rich": "cli",
}


def violations(package: Path) -> list[str]:
    """What each file of the package imports against the rules."""
    return [
        f"{path.relative_to(package).as_posix()}:{line}: {reason}"
        for path in sorted(package.rglob("*.py"))
        for line, reason in _file_violations(package, path)
    ]


def _file_violations(package: Path, path: Path) -> Iterator[tuple[int, str]]:
    parts = path.relative_to(package).with_suffix("").parts
    layer = "" if parts == ("__init__",) else parts[0]
    if layer not in RANK:
        yield 1, f"{layer} is no layer of the design"
        return
    for line, name in _imports(ast.parse(path.read_bytes()), (package.name, *parts), package):
        top, *rest = name.split(".")
        if top == package.name:
            imported = rest[0] if rest else ""
            if imported != layer and RANK.get(imported, len(LAYERS)) >= RANK[layer]:
                yield line, f"{layer} imports {name}"
        elif ONLY_IN.get(top, layer) != layer:
            yield line, f"{layer} imports {name}, which belongs to {ONLY_IN[top]}"


def _imports(tree: ast.AST, module: tuple[str, ...], package: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, in functions and for type checking too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*module[: -node.level]] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            if name == package.name:  # `from edms_backup import model, __version__`
                for alias in node.names:
                    is_module = any((package / f"{alias.name}{end}").exists() for end in ("", ".py"))
                    yield node.lineno, f"{name}.{alias.name}" if is_module else name
            else:
                yield node.lineno, name


def test_the_package_keeps_the_layers() -> None:
    assert violations(PACKAGE) == []


def test_each_rule_is_about_something_that_exists() -> None:
    named = {layer for layer in RANK if layer not in {"", "__main__"}}
    missing = {layer for layer in named if not any((PACKAGE / f"{layer}{end}").exists() for end in ("", ".py"))}
    assert missing == set()


@pytest.mark.parametrize(
    "file, code, found",
    [
        ("model.py", "from edms_backup.values import text", "model.py:1: model imports edms_backup.values"),
        ("model.py", "from edms_backup import api", "model.py:1: model imports edms_backup.api"),
        ("plan/a.py", "from ..backends.base import B", "plan/a.py:1: plan imports edms_backup.backends.base"),
        ("plan/a.py", "from .. import api", "plan/a.py:1: plan imports edms_backup.api"),
        ("plan/__init__.py", "from ..api import x", "plan/__init__.py:1: plan imports edms_backup.api"),
        (
            "archive/a.py",
            "def f():\n    import edms_backup.backends.base",
            "archive/a.py:2: archive imports edms_backup.backends.base",
        ),
        ("report.py", "import edms_backup.options", "report.py:1: report imports edms_backup.options"),
        ("api.py", "import edms_backup.demo", "api.py:1: api imports edms_backup.demo"),
        (
            "execute/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sqlalchemy.sql",
            "execute/a.py:3: execute imports sqlalchemy.sql, which belongs to backends",
        ),
        ("plan/a.py", "import networkx as nx", "plan/a.py:1: plan imports networkx, which belongs to graph"),
        ("demo/a.py", "from rich.table import T", "demo/a.py:1: demo imports rich.table, which belongs to cli"),
        ("helpers.py", "", "helpers.py:1: helpers is no layer of the design"),
        ("model.py", "from edms_backup.helpers import x", "model.py:1: model imports edms_backup.helpers"),
    ],
)
def test_the_check_finds_a_violation(tmp_path: Path, file: str, code: str, found: str) -> None:
    package = _made_up_package(tmp_path, file, code)
    assert violations(package) == [found]


@pytest.mark.parametrize(
    "file, code",
    [
        ("values/a.py", "import json\nfrom edms_backup import __version__\nfrom edms_backup.model import Column"),
        ("values/a.py", "from . import text\nfrom .text import x\nfrom ..errors import BackupError"),
        ("backends/a.py", "import sqlalchemy as sa\nfrom edms_backup.plan.restore import Step"),
        ("demo/a.py", "import sqlite3\nfrom edms_backup import api"),
        ("cli/a.py", "import click\nimport rich.table\nfrom edms_backup.demo import run"),
    ],
)
def test_the_check_allows_what_the_design_allows(tmp_path: Path, file: str, code: str) -> None:
    assert violations(_made_up_package(tmp_path, file, code)) == []


def _made_up_package(folder: Path, file: str, code: str) -> Path:
    package = folder / "edms_backup"
    (package / file).parent.mkdir(parents=True, exist_ok=True)
    (package / "api.py").touch()
    (package / file).write_text(code)
    return package
