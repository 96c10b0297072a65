"""The registry meets a live schema: what is declared is checked, what is not declared is inferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from edms_backup.config.checks import check_columns, check_whole_row, declared_key, declared_references, is_absent
from edms_backup.config.infer import Candidate, candidates, whole_row
from edms_backup.config.located import quoted
from edms_backup.config.omit import check_omitted, remaining, without_columns
from edms_backup.config.registry import WHOLE_ROW, Registry, TableRule, Unlisted
from edms_backup.config.shared import with_shared
from edms_backup.errors import RegistryError
from edms_backup.model import KeyedTable, KeySource, Policy, Reference, ReferenceKind, Schema, Table


@dataclass(frozen=True)
class Applied:
    """A live schema under a registry."""

    tables: Mapping[str, KeyedTable]
    """The tables that take part."""
    excluded: tuple[str, ...] = ()
    """Live tables that the registry leaves out."""
    warnings: tuple[str, ...] = ()
    """What was guessed or looks wrong, one sentence each."""


def apply_registry(registry: Registry, schema: Schema) -> Applied:
    """Every table of `schema` with its key, references, tier, label and policy.

    Raises RegistryError where the registry does not fit the schema. A table without a key is no error here.
    """
    included, excluded = _choose(registry, schema)
    warnings = _not_visible(registry, schema)
    references: dict[str, tuple[Reference, ...]] = {}
    for name, table in included.items():
        rule = registry.tables.get(name)
        if rule is not None:
            check_columns(registry, rule, table)
        extra = declared_references(registry, rule, schema) if rule else ()
        references[name] = (*table.references, *extra)
        warnings += _absent(rule, table) if rule else []
    for name in included:
        rule = registry.tables.get(name)
        if rule is not None and rule.policy.omit_columns:
            check_omitted(registry, rule, included[name], references)
            warnings += _hard_to_insert(rule, included[name])
    omitted = {name: rule.policy.omit_columns for name, rule in registry.tables.items() if name in included}
    included = {name: without_columns(table, omitted.get(name, ())) for name, table in included.items()}
    references = {name: remaining(found, omitted.get(name, ())) for name, found in references.items()}
    references = with_shared(included, references)
    keys = _Keys(registry, included, references)
    keyed = {name: _keyed(table, keys.chosen[name], references[name], registry) for name, table in included.items()}
    keyed = keys.settle(keyed)
    for name, rule in registry.tables.items():
        if name in keyed and keyed[name].whole_row:
            check_whole_row(registry, rule, keyed[name].references)
    warnings += _outside(keyed, schema)
    warnings += _without_key(keyed)
    return Applied(keyed, excluded, tuple(warnings))


def _choose(registry: Registry, schema: Schema) -> tuple[dict[str, Table], tuple[str, ...]]:
    included: dict[str, Table] = {}
    excluded: list[str] = []
    unlisted: list[str] = []
    for name, table in schema.tables.items():
        if any(fnmatchcase(name, pattern) for pattern in registry.exclude):
            excluded.append(name)
        elif name in registry.tables or registry.unlisted is Unlisted.INFER:
            included[name] = table
        elif registry.unlisted is Unlisted.SKIP:
            excluded.append(name)
        else:
            unlisted.append(name)
    if unlisted:
        names = ", ".join(quoted(name) for name in sorted(unlisted))
        raise RegistryError(
            f"{registry.path or 'the registry'} does not list {names}, and says unlisted: error",
            hint="list or exclude them, or set defaults: {unlisted: infer}",
        )
    return included, tuple(sorted(excluded))


def _absent(rule: TableRule, table: Table) -> list[str]:
    return [
        f"{table.name} has no {', '.join(declared.columns)}: the optional reference of the registry is left out"
        for declared in rule.references
        if is_absent(declared, table)
    ]


def _hard_to_insert(rule: TableRule, table: Table) -> list[str]:
    return [
        f"{table.name}.{name} is left out of the archive, but NOT NULL without a default: a restore can insert rows "
        f"of {table.name} only with a value in the registry's column_defaults"
        for name in rule.policy.omit_columns
        if table.column(name).must_be_given and rule.policy.column_defaults.get(name) is None
    ]


def _not_visible(registry: Registry, schema: Schema) -> list[str]:
    return [
        f"table {quoted(name)} is listed in the registry but not in the database (or not visible to this user)"
        for name in registry.tables
        if name not in schema.tables and not any(fnmatchcase(name, pattern) for pattern in registry.exclude)
    ]


def _keyed(table: Table, choice: Candidate, references: tuple[Reference, ...], registry: Registry) -> KeyedTable:
    rule = registry.tables.get(table.name)
    return KeyedTable(
        table=table,
        key=choice.columns,
        key_source=choice.source,
        whole_row=choice.source is KeySource.WHOLE_ROW or (rule is not None and rule.key == (WHOLE_ROW,)),
        references=references,
        tier=rule.tier if rule else None,
        label=rule.label if rule else None,
        policy=rule.policy if rule else Policy(),
    )


_NOTHING = Candidate((), KeySource.NONE)


class _Keys:
    """One candidate for each table, changed where keys run in circles or rest on nothing."""

    def __init__(
        self, registry: Registry, tables: Mapping[str, Table], references: Mapping[str, tuple[Reference, ...]]
    ) -> None:
        self.registry = registry
        self.waiting: dict[str, list[Candidate]] = {}
        self.chosen: dict[str, Candidate] = {}
        referred = {
            r.table: (name, r)
            for name, found in references.items()
            for r in found
            if r.kind is not ReferenceKind.POLYMORPHIC
        }
        for name, table in tables.items():
            rule = registry.tables.get(name)
            if rule is not None and rule.key is not None:
                columns = declared_key(registry, rule, table, references[name], referred.get(name))
                self.chosen[name] = Candidate(columns, KeySource.REGISTRY)
                continue
            found = list(candidates(table, references[name]))
            if not found and name not in referred and whole_row(table):
                found = [Candidate(whole_row(table), KeySource.WHOLE_ROW)]
            self.waiting[name] = found
            self.chosen[name] = found.pop(0) if found else _NOTHING

    def settle(self, keyed: dict[str, KeyedTable]) -> dict[str, KeyedTable]:
        """Take the next candidate of an inferred key until no key runs through itself."""
        while True:
            cycle = _key_cycle(keyed)
            name = self._next_in(cycle) if cycle else self._on_sand(keyed)
            if name is None:
                return keyed
            waiting = self.waiting[name]
            self.chosen[name] = waiting.pop(0) if waiting else _NOTHING
            table = keyed[name]
            keyed[name] = _keyed(table.table, self.chosen[name], table.references, self.registry)

    def _next_in(self, cycle: Sequence[str]) -> str:
        inferred = [name for name in cycle if name in self.waiting]
        if inferred:
            return max(inferred, key=lambda name: len(self.waiting[name]))
        rule = self.registry.tables[cycle[0]]
        path = " → ".join((*cycle, cycle[0]))
        raise RegistryError(
            f"{_at(self.registry, rule)}: the key of {quoted(cycle[0])} runs through itself: {path}",
            hint="give one of these tables a key that does not use the reference",
        )

    def _on_sand(self, keyed: Mapping[str, KeyedTable]) -> str | None:
        """A table with another candidate, whose key goes through a table without one."""
        for name, table in keyed.items():
            if self.waiting.get(name) and any(keyed[o].key == () for o in _key_tables(table) if o in keyed):
                return name
        return None


def _at(registry: Registry, rule: TableRule) -> str:
    return f"{registry.path or 'registry'}:{rule.lines.get('key', rule.line)}"


def _key_tables(table: KeyedTable) -> tuple[str, ...]:
    """The other tables that the key of `table` goes through, and itself where that is no tree."""
    found = [table.resolving[column] for column in table.key if column in table.resolving]
    found = [reference for reference in found if reference != table.key_parent]
    return tuple(dict.fromkeys(r.table for r in found if r.kind is not ReferenceKind.POLYMORPHIC))


def _key_cycle(keyed: Mapping[str, KeyedTable]) -> tuple[str, ...]:
    """The first circle of keys, beginning with its first table by name; empty where there is none."""
    edges = {name: [o for o in _key_tables(table) if o in keyed] for name, table in keyed.items()}
    done: set[str] = set()
    for start in sorted(edges):
        if start in done:
            continue
        trail: list[str] = [start]
        iterators = [iter(edges[start])]
        while iterators:
            other = next(iterators[-1], None)
            if other is None:
                iterators.pop()
                done.add(trail.pop())
            elif other in trail:
                cycle = trail[trail.index(other) :]
                first = cycle.index(min(cycle))
                return (*cycle[first:], *cycle[:first])
            elif other not in done:
                trail.append(other)
                iterators.append(iter(edges[other]))
    return ()


def _outside(keyed: Mapping[str, KeyedTable], schema: Schema) -> list[str]:
    warnings = []
    for table in keyed.values():
        for reference in table.references:
            if reference.table not in keyed:
                why = "is left out" if reference.table in schema.tables else "is not in the database (or not visible)"
                columns = ", ".join([*reference.columns, *([reference.path] if reference.path else [])])
                warnings.append(f"{table.name}.{columns} refers to {quoted(reference.table)}, which {why}")
    return warnings


def _without_key(keyed: Mapping[str, KeyedTable]) -> list[str]:
    warnings = []
    for name, table in keyed.items():
        if table.key_source is KeySource.WHOLE_ROW:
            warnings.append(f"table {quoted(name)} has no key: its rows are identified by all their values")
        elif table.key_source is KeySource.NONE:
            warnings.append(f"table {quoted(name)} has no natural key: declare one in the registry")
        warnings.extend(
            f"the key of {quoted(name)} goes through {quoted(other)}, which has no natural key"
            for other in _key_tables(table)
            if other in keyed and not keyed[other].key
        )
    return warnings
