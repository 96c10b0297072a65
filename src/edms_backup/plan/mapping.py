"""The archive's schema in the names of the target: what the registry renames, leaves out and adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from edms_backup.config.located import Place, did_you_mean, quoted
from edms_backup.config.omit import check_omitted, remaining, without_columns
from edms_backup.config.registry import Registry, TableRule
from edms_backup.model import KeyedTable, Policy, Reference, Scalar, Schema, Table
from edms_backup.plan.source import SourceSchema


@dataclass(frozen=True)
class Mapped:
    """A schema of an archive as the target calls things, each table with the policy that is in force."""

    source: SourceSchema
    tables: Mapping[str, str]
    """The target's name of each table of the archive."""
    columns: Mapping[str, Mapping[str, str]]
    """By the target's table: the archive's name of each column that has another one there."""
    omitted: Mapping[str, tuple[str, ...]]
    """By the target's table: columns of the archive that are left out."""

    def archived(self, table: str) -> str:
        """The archive's name of a table of the target."""
        return next((old for old, new in self.tables.items() if new == table), table)


def map_source(source: SourceSchema, target: Schema, registry: Registry) -> Mapped:
    """Apply a registry to the schema of an archive. Raises RegistryError where it does not fit one of the sides."""
    tables = _table_names(source, target, registry)
    renamer = _Renamer(tables, {})
    omitted: dict[str, tuple[str, ...]] = {}
    kept: list[KeyedTable] = []
    references = {table.name: table.references for table in source.tables}
    for archived in source.tables:
        new = tables[archived.name]
        rule = _RuleInForce.of(registry, archived, new, target.tables.get(new))
        check_omitted(rule.registry, rule.rule, archived.table, references)
        omitted[new] = rule.omitted(archived)
        table = without_columns(archived.table, omitted[new])
        renamer.columns[archived.name] = rule.renamed_columns(table)
        policy = rule.policy(archived, table, renamer.columns[archived.name])
        kept.append(
            replace(archived, table=table, references=remaining(archived.references, omitted[new]), policy=policy)
        )
    columns = {tables[old]: {new: was for was, new in names.items()} for old, names in renamer.columns.items()}
    found = tuple(renamer.keyed(table) for table in kept)
    return Mapped(replace(source, tables=found), tables, columns, omitted)


def _table_names(source: SourceSchema, target: Schema, registry: Registry) -> dict[str, str]:
    """The target's name of each table. A rename waits where the target has the archive's name only."""
    names = {table.name: table.name for table in source.tables}
    for old, new in registry.renames.items():
        place = Place(registry.path or "registry", registry.lines.get(old, 0))
        if new not in target.tables and old not in target.tables:
            place.fail(
                f"{quoted(old)} is renamed to {quoted(new)}, which is no table of the target",
                did_you_mean(new, target.tables) or "write the name that the target has",
            )
        if old in names and new in target.tables:
            names[old] = new
    for old, new in names.items():
        if list(names.values()).count(new) > 1 and old != new:
            Place(registry.path or "registry", registry.lines.get(old, 0)).fail(
                f"{quoted(old)} is renamed to {quoted(new)}, and so would another table of the archive be called",
                "two tables cannot become one: rename the other one too, or make an archive without it",
            )
    return names


@dataclass(frozen=True)
class _Renamer:
    tables: Mapping[str, str]
    columns: dict[str, Mapping[str, str]]
    """By the archive's table: new names of columns by old ones."""

    def keyed(self, keyed: KeyedTable) -> KeyedTable:
        return replace(
            keyed,
            table=self._table(keyed.table),
            key=self._names(keyed.name, keyed.key),
            references=tuple(self._reference(keyed.name, reference) for reference in keyed.references),
        )

    def _table(self, table: Table) -> Table:
        names = self.columns[table.name]
        return replace(
            table,
            name=self.tables[table.name],
            columns=tuple(replace(column, name=names.get(column.name, column.name)) for column in table.columns),
            primary_key=self._names(table.name, table.primary_key),
            references=tuple(self._reference(table.name, r) for r in table.references if r.table in self.tables),
            # What the source's own constraints say is of no concern to the target.
            uniques=(),
            checks=(),
        )

    def _reference(self, owner: str, reference: Reference) -> Reference:
        return replace(
            reference,
            columns=self._names(owner, reference.columns),
            table=self.tables[reference.table],
            referred_columns=self._names(reference.table, reference.referred_columns),
        )

    def _names(self, table: str, columns: Iterable[str]) -> tuple[str, ...]:
        names = self.columns[table]
        return tuple(names.get(column, column) for column in columns)


@dataclass(frozen=True)
class _RuleInForce:
    """What is said of one table, and by which registry; the archive's own where the given one does not list it."""

    registry: Registry
    rule: TableRule
    live: Table | None

    @classmethod
    def of(cls, registry: Registry, archived: KeyedTable, new: str, live: Table | None) -> _RuleInForce:
        rule = registry.tables.get(new) or registry.tables.get(archived.name)
        if rule is not None:
            return cls(registry, rule, live)
        return cls(Registry(path="registry.yaml of the archive"), TableRule(new, policy=archived.policy), live)

    def _fail(self, entry: str, message: str, hint: str | None) -> NoReturn:
        line = self.rule.lines.get(entry, self.rule.line)
        Place(self.registry.path or "registry", line).fail(message, hint)

    def _not_there(self, entry: str, column: str, live: Table) -> NoReturn:
        hint = did_you_mean(column, live.column_names) or f"its columns are {', '.join(live.column_names[:20])}"
        self._fail(entry, f"table {quoted(live.name)} of the target has no column {quoted(column)}", hint)

    def omitted(self, archived: KeyedTable) -> tuple[str, ...]:
        """The columns of the archive that are left out; naming one that nobody has is a mistake."""
        columns = self.rule.policy.omit_columns
        for column in columns:
            known = column in archived.table.by_name or column in archived.policy.omit_columns
            if not known and self.live is not None and column not in self.live.by_name:
                hint = did_you_mean(column, archived.table.column_names)
                self._fail(
                    "omit_columns",
                    f"neither the archive nor the target has a column {quoted(column)} in {quoted(self.rule.name)}",
                    hint or f"the archive's columns are {', '.join(archived.table.column_names[:20])}",
                )
            if column in archived.key:
                self._fail(
                    "omit_columns",
                    f"{quoted(column)} cannot be in omit_columns: rows of {quoted(archived.name)} in the archive are "
                    "identified by it",
                    "remove it from there",
                )
        return tuple(column for column in columns if column in archived.table.by_name)

    def renamed_columns(self, archived: Table) -> dict[str, str]:
        """New names by old ones. A rename waits where the target has the archive's name only."""
        names: dict[str, str] = {}
        for old, new in self.rule.policy.renames.items():
            if self.live is None or old not in archived.by_name:
                continue
            if new in self.live.by_name:
                names[old] = new
            elif old not in self.live.by_name:
                self._not_there(f"renames.{old}", new, self.live)
        taken = [names.get(column, column) for column in archived.column_names]
        for old, new in names.items():
            if taken.count(new) > 1:
                self._fail(
                    f"renames.{old}",
                    f"{quoted(old)} is renamed to {quoted(new)}, and so would another column of "
                    f"{quoted(archived.name)} in the archive be called",
                    "two columns cannot become one: leave the other one out with omit_columns",
                )
        return names

    def policy(self, archived: KeyedTable, kept: Table, names: Mapping[str, str]) -> Policy:
        """The policy in the target's names; the keys of both sides must be the same."""
        self._check_key(archived, names)
        policy = self.rule.policy
        live = self.live
        if live is None:
            return replace(policy, column_defaults={})
        keep = tuple(c if c in live.by_name else names.get(c, c) for c in policy.keep_columns)
        for column in keep:
            if column not in live.by_name:
                self._not_there("keep_columns", column, live)
        for column, value in policy.column_defaults.items():
            self._check_default(column, value, live)
        held = {names.get(column.name, column.name) for column in kept.columns if not column.generated}
        defaults = {c: value for c, value in policy.column_defaults.items() if c not in held}
        for column in policy.omit_columns:
            # Nothing can be inserted without it, but rows that are there need none.
            if column not in held and column in live.by_name and live.column(column).must_be_given:
                defaults.setdefault(column, None)
        return replace(policy, keep_columns=keep, column_defaults=defaults)

    def _check_key(self, archived: KeyedTable, names: Mapping[str, str]) -> None:
        declared = self.rule.key
        key = tuple(names.get(column, column) for column in archived.key)
        expected = [("*",)] if archived.whole_row else [key, archived.key]
        if declared is not None and declared not in expected:
            self._fail(
                "key",
                f"the key of {self.rule.name} is {list(declared)} here, "
                f"but the archive was written with {list(archived.key)}",
                "use the registry that the archive was made with, or make a new archive",
            )

    def _check_default(self, column: str, value: Scalar, live: Table) -> None:
        entry = f"column_defaults.{column}"
        if column not in live.by_name:
            self._not_there(entry, column, live)
        what = live.column(column)
        if what.generated or what.auto_assigned or column in live.primary_key:
            why = "is computed or numbered by the database, or identifies the row"
        elif value is None and not what.nullable:
            why = "may not be empty"
        elif value is not None and any(column in reference.columns for reference in live.references):
            why = "refers to another table: only null is the same row in every database"
        else:
            return
        self._fail(entry, f"{live.name}.{column} cannot get this default: it {why}", "write another one, or remove it")
