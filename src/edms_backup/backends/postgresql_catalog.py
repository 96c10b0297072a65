"""What PostgreSQL's catalogue says that SQLAlchemy's inspector does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from edms_backup.model import KeyPart, UniqueKey

EXTENSIONS = sa.text(
    "SELECT DISTINCT nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
    "ORDER BY nspname"
)
"""Schemas that hold types of extensions, and what compares their values."""

NATIVE = sa.text(
    """
    WITH RECURSIVE typed AS (
        SELECT a.attrelid, a.attnum, a.attname, a.atttypid AS type, a.atttypmod AS modifier, 0 AS step
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT typed.attrelid, typed.attnum, typed.attname, t.typbasetype, t.typtypmod, typed.step + 1
        FROM typed JOIN pg_type t ON t.oid = typed.type AND t.typtype = 'd'
    )
    SELECT DISTINCT ON (attrelid, attnum) nspname, relname, attname, format_type(type, modifier)
    FROM typed JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    ORDER BY attrelid, attnum, step DESC
    """
)
"""The type of each column, of a domain the type that it is over."""

SEQUENCE = sa.text(
    """
    SELECT coalesce(
        pg_get_serial_sequence(format('%I.%I', CAST(:schema AS text), CAST(:table AS text)), CAST(:column AS text)),
        (SELECT sequence.oid::regclass::text
         FROM pg_attrdef expression
         JOIN pg_attribute attribute ON attribute.attrelid = expression.adrelid AND attribute.attnum = expression.adnum
         JOIN pg_depend needs ON needs.objid = expression.oid AND needs.classid = 'pg_attrdef'::regclass
         JOIN pg_class sequence ON sequence.oid = needs.refobjid AND sequence.relkind = 'S'
         WHERE expression.adrelid = format('%I.%I', CAST(:schema AS text), CAST(:table AS text))::regclass
           AND attribute.attname = CAST(:column AS text) AND needs.refclassid = 'pg_class'::regclass
         LIMIT 1)
    )
    """
)
"""The sequence that a column owns, else the one that its default takes numbers from."""


UNIQUES = sa.text(
    """
    SELECT schema.nspname, "table".relname, index.relname,
        coalesce(CAST(to_jsonb(i) ->> 'indnullsnotdistinct' AS boolean), false), i.indisvalid,
        pg_get_expr(i.indpred, i.indrelid, true), NOT i.indimmediate,
        attribute.attname, pg_get_indexdef(i.indexrelid, k, true),
        CASE WHEN i.indcollation[k - 1] <> coalesce(attribute.attcollation, 0) THEN
            (SELECT format('%I.%I', n.nspname, c.collname) FROM pg_collation c
             JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = i.indcollation[k - 1]) END,
        (SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname) FROM pg_constraint constraint_
         JOIN pg_operator o ON o.oid = constraint_.conexclop[k] JOIN pg_namespace n ON n.oid = o.oprnamespace
         WHERE constraint_.conindid = i.indexrelid AND constraint_.contype = 'x' AND o.oprname <> '=')
    FROM pg_index i
    JOIN pg_class "table" ON "table".oid = i.indrelid
    JOIN pg_namespace schema ON schema.oid = "table".relnamespace
    JOIN pg_class index ON index.oid = i.indexrelid
    CROSS JOIN LATERAL generate_series(1, CAST(i.indnkeyatts AS integer)) AS k
    LEFT JOIN pg_attribute attribute ON attribute.attrelid = i.indrelid AND attribute.attnum = i.indkey[k - 1]
    WHERE (i.indisunique OR i.indisexclusion) AND i.indislive AND NOT i.indisprimary
    ORDER BY i.indexrelid, k
    """
)
"""The parts of all unique indexes and exclusion constraints, in the words of the server."""


def unique_key(name: str, rows: Sequence[Any]) -> UniqueKey:
    """A unique key or exclusion constraint of the rows that UNIQUES has of it."""
    nulls_equal, valid, condition, deferrable = rows[0][:4]
    parts = []
    for *_, column, text, collation, operator in rows:
        expression = text if column is None else None
        if collation is not None:
            expression = f"({text}) COLLATE {collation}"
        parts.append(KeyPart(column, expression, operator=operator))
    columns = tuple(part.column for part in parts if part.column is not None)
    special = condition is not None or len(columns) < len(parts) or any(part.operator for part in parts)
    return UniqueKey(name, columns, special or not valid, nulls_equal, tuple(parts), condition, deferrable)
