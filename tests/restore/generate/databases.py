"""Databases of generated schemas, made and read without the tool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tests.restore.generate.model import LABELS, Schema, Tables, Type
from tests.servers import Database


def build(database: Database, schema: Schema, tables: Tables | None = None) -> None:
    """Make the database afresh, with these tables and rows."""
    wipe(database)
    metadata = _metadata(database.product, schema)
    engine = database.engine()
    with engine.begin() as connection:
        if database.product == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        elif database.product == "mariadb":
            connection.exec_driver_sql("SET foreign_key_checks = 0")
        metadata.create_all(connection)
        for name, rows in (tables or {}).items():
            if rows:
                connection.execute(sa.insert(metadata.tables[name]), rows)
    engine.dispose()


def wipe(database: Database) -> None:
    """Leave nothing in it."""
    engine = database.engine()
    if database.product == "sqlite":
        path = Path(str(engine.url.database))
        path.unlink(missing_ok=True)
        path.touch()
        return
    with engine.begin() as connection:
        if database.product == "postgresql":
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        else:
            name = engine.url.database
            connection.exec_driver_sql(f"DROP DATABASE {name}")
            connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    engine.dispose()


def read(database: Database, schema: Schema) -> Tables:
    """All rows, by plain SELECT."""
    metadata = _metadata(database.product, schema)
    engine = database.engine()
    with engine.connect() as connection:
        tables = {
            name: [dict(row) for row in connection.execute(sa.select(metadata.tables[name])).mappings()]
            for name in schema
        }
        if database.product == "sqlite":
            assert not connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    engine.dispose()
    return tables


def _metadata(product: str, schema: Schema) -> sa.MetaData:
    metadata = sa.MetaData()
    # The server's usual collation takes "a", "A" and "a " for one value.
    text = mysql.VARCHAR(60, collation="utf8mb4_nopad_bin") if product == "mariadb" else sa.String(60)
    types: dict[Type, Any] = {Type.TEXT: text, Type.INTEGER: sa.Integer(), Type.BOOLEAN: sa.Boolean()}
    for number, spec in enumerate(schema.values()):
        columns: list[sa.Column[Any]] = [
            sa.Column(
                c.name,
                types[c.type],
                nullable=c.nullable,
                autoincrement=c.numbered,
            )
            for c in spec.columns
        ]
        # Also where the columns of the table have another order.
        primary = [sa.PrimaryKeyConstraint(*spec.primary)] if spec.primary else []
        constraints: list[sa.Constraint] = [*primary]
        constraints += [sa.UniqueConstraint(*u, name=f"unique_{number}_{i}") for i, u in enumerate(spec.uniques)]
        for i, link in enumerate(spec.links):
            if link.hidden:
                continue
            # SQLAlchemy's notation: names in worlds have no dots.
            referred = [f"{link.table}.{column}" for column in link.referred]
            constraints.append(
                sa.ForeignKeyConstraint(link.columns, referred, name=f"link_{number}_{i}", use_alter=True)
            )
        sa.Table(spec.name, metadata, *columns, *constraints)
    return metadata


def registry(schema: Schema, path: Path) -> str:
    """A registry that declares every key, and what only a registry can declare."""
    tables: dict[str, dict[str, Any]] = {name: {"key": list(spec.key) or "*"} for name, spec in schema.items()}
    for name, spec in schema.items():
        if spec.points is not None:
            columns = [*spec.links[spec.points.link].columns, spec.points.column]
            tables[name]["references"] = [{"columns": columns, "polymorphic": "kinds"}]
            for label, target in zip(LABELS, spec.points.tables, strict=False):
                tables[target]["label"] = label
    path.write_text(json.dumps({"version": 1, "tables": tables}, ensure_ascii=False), encoding="utf-8")
    return str(path)
