"""In which order tables are restored, and which references have to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import networkx as nx

from edms_backup.errors import RegistryError, RestoreRefused
from edms_backup.model import Keyed, Reference, ReferenceKind, Table


@dataclass(frozen=True)
class Order:
    """Tables so that each comes after those it refers to, but for the references in `deferred`."""

    tables: tuple[str, ...]
    deferred: Mapping[str, tuple[Reference, ...]]
    """By table: references that are left empty on insert and patched afterwards, or checked at commit."""
    cycles: tuple[tuple[str, ...], ...]
    """Groups of tables that refer to each other, and tables that refer to themselves."""


def table_graph(tables: Iterable[Table], references: Mapping[str, tuple[Reference, ...]]) -> nx.DiGraph[str]:
    """Nodes are tables, an edge goes from a table to one that refers to it; the references are on the edge."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted(table.name for table in tables))
    for name in graph.nodes:
        for reference in references.get(name, ()):
            if reference.table not in graph:
                continue
            if graph.has_edge(reference.table, name):
                graph.edges[reference.table, name]["references"].append(reference)
            else:
                graph.add_edge(reference.table, name, references=[reference])
    return graph


def find_cycles(graph: nx.DiGraph[str]) -> tuple[tuple[str, ...], ...]:
    """Strongly connected groups of several tables, and single tables that refer to themselves."""
    groups = [tuple(sorted(group)) for group in nx.strongly_connected_components(graph) if len(group) > 1]
    selves = [(name,) for name in graph.nodes if graph.has_edge(name, name)]
    return tuple(sorted(groups) + sorted(selves))


def write_order(
    tables: Mapping[str, Table],
    references: Mapping[str, tuple[Reference, ...]],
    can_wait: Callable[[Table, Reference], bool],
) -> Order:
    """Order tables for inserting. A reference of a cycle may be deferred where `can_wait` says so.

    Raises RestoreRefused naming the cycle where none of its references can wait.
    """
    graph = table_graph(tables.values(), references)
    cycles = find_cycles(graph)
    deferred: dict[str, list[Reference]] = {}
    for name in list(graph.nodes):
        if graph.has_edge(name, name):
            deferred.setdefault(name, []).extend(graph.edges[name, name]["references"])
            graph.remove_edge(name, name)
    while True:
        try:
            cycle = nx.find_cycle(graph)
        except nx.NetworkXNoCycle:
            break
        for parent, child in ((edge[0], edge[1]) for edge in cycle):
            waiting = graph.edges[parent, child]["references"]
            if all(can_wait(tables[child], reference) for reference in waiting):
                deferred.setdefault(child, []).extend(waiting)
                graph.remove_edge(parent, child)
                break
        else:
            names = " → ".join([edge[0] for edge in cycle] + [cycle[0][0]])
            raise RestoreRefused(
                f"the tables {names} need each other: none of their references may be empty or checked later",
                hint="make one of these foreign keys nullable or DEFERRABLE in the target",
            )
    order = tuple(nx.lexicographical_topological_sort(graph))
    return Order(order, {name: tuple(found) for name, found in deferred.items()}, cycles)


def identity_order(names: Iterable[str], needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Order tables so that each comes after the tables that its own identity needs.

    Raises RegistryError naming the cycle.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted(names))
    for name in list(graph.nodes):
        graph.add_edges_from((other, name) for other in sorted(needs.get(name, ())) if other in graph)
    try:
        return tuple(nx.lexicographical_topological_sort(graph))
    except nx.NetworkXUnfeasible:
        cycle = [edge[0] for edge in nx.find_cycle(graph)]
        raise RegistryError(
            f"the keys of {' → '.join([*cycle, cycle[0]])} need each other",
            hint="declare a key for one of these tables that does not use the reference",
        ) from None


def restore_levels(keyed: Keyed) -> dict[str, int]:
    """Level 0 refers to nothing; else one more than the highest level referred to. Cycles count as one table."""
    references = {name: hard_references(table.references) for name, table in keyed.items()}
    graph = table_graph([table.table for table in keyed.values()], references)
    graph.remove_edges_from([(name, name) for name in graph.nodes if graph.has_edge(name, name)])
    condensed = nx.condensation(graph)
    levels: dict[str, int] = {}
    for node in nx.topological_sort(condensed):
        above = [
            levels[member] for before in condensed.predecessors(node) for member in condensed.nodes[before]["members"]
        ]
        for member in condensed.nodes[node]["members"]:
            levels[member] = max(above, default=-1) + 1
    return levels


def hard_references(references: Iterable[Reference]) -> tuple[Reference, ...]:
    """References to one known table by a column of its own.

    Polymorphic ones point into many tables, and no database checks those inside documents: they order nothing.
    """
    return tuple(r for r in references if r.kind not in (ReferenceKind.POLYMORPHIC, ReferenceKind.JSON))
