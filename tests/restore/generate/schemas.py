"""Strategies for schemas: tables of every shape, and references of every kind between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from tests.restore.generate.model import LABELS, Column, Link, Points, Spec, Type

TABLES = ("t", "order", "Users", "a b", "x%y", "weiß", "q'q", 'd"d', "c:c", "row_no")
WORDS = ("note", "select", "Value", "key_text", "b%s", "c:x", "ä ö", "f0", "t")
TEXTS = st.text(st.sampled_from("abAB é😀'\"\\%_:\n\u2028ß"), max_size=4)
NUMBERS = st.integers(-3, 3) | st.sampled_from([-(2**31), 2**31 - 1])
VALUES = {Type.TEXT: TEXTS, Type.INTEGER: NUMBERS, Type.BOOLEAN: st.booleans()}


@st.composite
def schemas(draw: st.DrawFn, shapes: Sequence[str]) -> dict[str, Spec]:
    """Some tables of every shape, each referring to earlier ones, some to later ones and to themselves."""
    schema: dict[str, Spec] = {}
    names = draw(st.permutations(TABLES))[: draw(st.sampled_from((1, 2, 3, 4, 5, 6)))]
    begin = draw(st.sampled_from(((), (), SHARED[1:], SHARED)))
    for position, name in enumerate(names):
        known = [spec for spec in schema.values() if spec.ways and spec.key]
        schema[name] = draw(_spec(name, known, begin[position : position + 1] or shapes))
    for name in names:
        targets = [other for other in schema.values() if other.ways and other.key]
        for number in range(draw(st.sampled_from((0, 0, 0, 1, 1, 2))) if targets else 0):
            # To itself or to any table: cycles that may be empty, and that may share tables.
            target = draw(st.sampled_from(targets))
            schema[name] = draw(_linked(schema[name], target, prefix=f"later{number}", optional=True))
    return draw(_pointing(schema)) if draw(st.integers(0, 2)) == 0 else schema


@st.composite
def _pointing(draw: st.DrawFn, schema: dict[str, Spec]) -> dict[str, Spec]:
    """With a polymorphic reference in one or two tables, its id as a number or as text."""
    single = [spec for spec in schema.values() if spec.key and len(spec.primary) == 1]
    as_text = draw(st.booleans())
    if not as_text:
        single = [spec for spec in single if spec.column(spec.primary[0]).type is Type.INTEGER]
    if not single:
        return schema
    tables = tuple(spec.name for spec in draw(st.permutations(single))[: len(LABELS)])
    for name in draw(st.permutations(list(schema)))[:2]:
        spec = schema[name]
        optional = draw(st.booleans())
        columns = [
            Column("kind", Type.INTEGER, optional),
            Column("object", Type.TEXT if as_text else Type.INTEGER, optional),
        ]
        links = (*spec.links, Link(("kind",), "kinds", ("id",), optional))
        points = Points("object", len(spec.links), tables)
        schema[name] = replace(spec, columns=(*spec.columns, *columns), links=links, points=points)
    kinds = Spec("kinds", (Column("id", Type.INTEGER, numbered=True), Column("label", Type.TEXT)), ("id",))
    return {"kinds": replace(kinds, uniques=(("label",),), key=("label",)), **schema}


FIRST = ("numbered", "natural", "composite", "keyless")
SHAPES = (*FIRST, "tenant", "tenant", "child", "link", "bare link", "extension", "member", "shared")
SHARED = ("natural", "numbered", "member", "member", "shared")
"""Shapes of tables that only together are of any interest."""


@st.composite
def _spec(draw: st.DrawFn, name: str, known: list[Spec], shapes: Sequence[str]) -> Spec:  # noqa: PLR0912
    shape = draw(st.sampled_from(shapes if known else FIRST))
    payload = [
        Column(word, draw(st.sampled_from(list(Type))), nullable=draw(st.booleans()))
        for word in draw(st.permutations(WORDS))[: draw(st.integers(0, 2))]
    ]
    identity = Column("id", Type.INTEGER, numbered=True)
    spec = Spec(name, tuple(payload))
    if shape == "natural":
        spec = _key(spec, (Column("code", Type.TEXT),), primary=True)
    elif shape == "composite":
        spec = _key(spec, (Column("p", Type.TEXT), Column("q", Type.INTEGER)), primary=True)
    elif shape == "extension":
        # A row of the parent's identity: the primary key is the foreign key (one to one).
        parent = draw(st.sampled_from(known))
        spec = draw(_linked(spec, parent, prefix="base"))
        spec = replace(spec, primary=spec.links[0].columns, key=spec.links[0].columns)
    elif shape in ("link", "bare link"):
        first = draw(_linked(spec, draw(st.sampled_from(known)), prefix="l"))
        spec = draw(_linked(first, draw(st.sampled_from(known)), prefix="r"))
        columns = tuple(c for link in spec.links for c in link.columns)
        if shape == "link":
            spec = replace(_numbered(spec, identity), uniques=(columns,), key=columns)
        else:
            spec = replace(spec, primary=columns, key=columns)
    elif shape == "tenant":
        # Two foreign keys share a column: the row belongs to what its parent belongs to.
        parents = [o for o in known if o.primary[1:] == ("q",)]
        if parents:
            parent = draw(st.sampled_from(parents))
            spec = draw(_linked(spec, parent, prefix="home", way=parent.primary))
            above = parent.link_of("p")
            if above is not None:
                follows = Link(("home_p",), above.table, above.referred, follows=True)
                spec = replace(spec, links=(*spec.links, follows))
            spec = _key(_numbered(spec, identity), (Column("n", Type.INTEGER),), also=spec.links[0].columns)
        else:
            spec = draw(_tenant_parent(spec, known))
    elif shape == "member":
        spec = draw(_member(_numbered(spec, identity), known))
    elif shape == "shared":
        spec = draw(_sharing(_numbered(_key(spec, (Column("code", Type.TEXT),)), identity), known))
    elif shape == "keyless":
        spec = replace(spec, columns=(*spec.columns, Column("what", Type.TEXT, nullable=draw(st.booleans()))))
        if draw(st.booleans()):
            spec = _numbered(spec, identity)
    elif shape == "child":
        parent = draw(st.sampled_from(known))
        spec = draw(_linked(spec, parent, prefix="parent", optional=draw(st.booleans())))
        spec = _key(_numbered(spec, identity), (Column("n", Type.INTEGER),), also=spec.links[0].columns)
    else:
        keys: tuple[Column, ...] = (Column("code", Type.TEXT),)
        if draw(st.booleans()):
            keys = (Column("code", Type.TEXT, nullable=True), Column("n", Type.INTEGER))
        spec = _key(_numbered(spec, identity), keys)
    if spec.key and draw(st.integers(0, 2)) == 0:
        column = Column("alt", Type.TEXT, nullable=draw(st.booleans()))
        spec = replace(spec, columns=(*spec.columns, column), uniques=(*spec.uniques, ("alt",)))
    if shape != "keyless" and draw(st.integers(0, 5)) == 0:
        # A tree whose root is its own parent.
        spec = draw(_linked(spec, spec, prefix="above"))
    for number in range(draw(st.integers(0, 2)) if known else 0):
        target = draw(st.sampled_from(known))
        spec = draw(_linked(spec, target, prefix=f"to{number}", optional=draw(st.booleans())))
    return replace(spec, columns=tuple(draw(st.permutations(spec.columns))))


@st.composite
def _tenant_parent(draw: st.DrawFn, spec: Spec, known: list[Spec]) -> Spec:
    """A composite key whose first part refers to another table."""
    single = [other for other in known if any(len(way) == 1 for way in other.ways)]
    if not single:
        return _key(spec, (Column("p", Type.TEXT), Column("q", Type.INTEGER)), primary=True)
    target = draw(st.sampled_from(single))
    way = draw(st.sampled_from([way for way in target.ways if len(way) == 1]))
    link = Link(("p",), target.name, way)
    parent = Column("p", target.column(way[0]).type)
    spec = replace(spec, columns=(*spec.columns, parent), links=(link,))
    return _key(spec, (Column("q", Type.INTEGER),), also=("p",), primary=True)


@st.composite
def _member(draw: st.DrawFn, spec: Spec, known: list[Spec]) -> Spec:
    """A row of a tenant, which others refer to together with the tenant."""
    single = [other for other in known if any(len(way) == 1 for way in other.ways)]
    if not single:
        return _key(spec, (Column("n", Type.INTEGER),))
    target = draw(st.sampled_from(single))
    way = draw(st.sampled_from([way for way in target.ways if len(way) == 1]))
    column = Column("owner", target.column(way[0]).type)
    spec = replace(spec, columns=(*spec.columns, column), links=(Link(("owner",), target.name, way),))
    spec = _key(spec, (Column("n", Type.INTEGER),), also=("owner",) if draw(st.booleans()) else ())
    return replace(spec, uniques=(*spec.uniques, ("owner", "id")))


@st.composite
def _sharing(draw: st.DrawFn, spec: Spec, known: list[Spec]) -> Spec:
    """Foreign keys to one or two members that share the tenant, each of which may be off."""
    members = [other for other in known if ("owner", "id") in other.uniques]
    if not members:
        return spec
    first = draw(st.sampled_from(members))
    tenant = replace(first.links[0], columns=("whose",), optional=draw(st.booleans()), hidden=draw(st.booleans()))
    columns, links = [replace(first.column("owner"), name="whose", nullable=tenant.optional)], [tenant]
    alike = [
        other
        for other in members
        if replace(other.links[0], columns=("whose",)) == replace(tenant, optional=False, hidden=False)
    ]
    for name in ("author", "reviewer")[: draw(st.integers(1, 2))]:
        member = draw(st.sampled_from(alike))
        optional = draw(st.booleans())
        columns.append(Column(name, Type.INTEGER, nullable=optional))
        links.append(Link((name,), member.name, ("id",), optional, hidden=True))
        links.append(Link(("whose", name), member.name, ("owner", "id"), follows=True))
    return replace(spec, columns=(*spec.columns, *columns), links=(*spec.links, *links))


def _numbered(spec: Spec, identity: Column) -> Spec:
    return replace(spec, columns=(identity, *spec.columns), primary=("id",))


def _key(spec: Spec, columns: tuple[Column, ...], *, also: tuple[str, ...] = (), primary: bool = False) -> Spec:
    names = (*also, *(column.name for column in columns))
    spec = replace(spec, columns=(*spec.columns, *columns), key=names)
    return replace(spec, primary=names) if primary else replace(spec, uniques=(*spec.uniques, names))


@st.composite
def _linked(
    draw: st.DrawFn,
    spec: Spec,
    target: Spec,
    *,
    prefix: str,
    optional: bool = False,
    way: tuple[str, ...] | None = None,
) -> Spec:
    """With one more foreign key."""
    way = way or draw(st.sampled_from(target.ways))
    columns = [Column(f"{prefix}_{name}", target.column(name).type, nullable=optional) for name in way]
    link = Link(tuple(c.name for c in columns), target.name, way, optional)
    return replace(spec, columns=(*spec.columns, *columns), links=(*spec.links, link))
