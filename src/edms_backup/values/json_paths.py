"""Where in the text of a JSON document the values at some paths stand.

A path is `$`, then steps: `.name` or `["any name"]` into an object, `[*]` into each element of an array. Only places
are found, nothing is parsed into values: what is not replaced stays as it is, digits, blanks and repeated names
included. No parser of Python's ecosystem gives places; this one is a loop over tokens, so depth costs no stack.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_DEPTH = 100_000
"""Levels of a document; no product holds as many."""

Step = str | None
"""The name of a member, or None for each element of an array."""

_STEP = re.compile(r"""\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]|\[\*\]""")
_TOKEN = re.compile(
    r"""[ \t\n\r]*+(?:(?P<mark>[{}\[\],:])|(?P<text>"[^"\\]*+(?:\\.[^"\\]*+)*+")"""
    r"""|(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)|(?P<word>true|false|null))""",
    re.DOTALL,
)
_BLANKS = re.compile(r"[ \t\n\r]*+")


class NoDocument(ValueError):
    """The text is no JSON document."""


class Spot(NamedTuple):
    """A value at one of the paths: `text[start:end]`."""

    path: int
    """Which path, by its place in the list that `Paths` was made of."""
    start: int
    end: int


def parse_path(path: str) -> tuple[Step, ...]:
    """The steps of a path. Raises ValueError saying what is wrong."""
    steps: list[Step] = []
    position = 1
    if not path.startswith("$"):
        raise ValueError("it does not begin with $")
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise ValueError(f"{path[position:]} is no step")
        quoted = step["quoted"]
        steps.append(_name(quoted) if quoted else step["name"])
        position = step.end()
    if not steps:
        raise ValueError("it is the whole document")
    return tuple(steps)


def _name(quoted: str) -> str:
    """The name that a text in quotes spells. Raises ValueError."""
    name = json.loads(quoted, strict=False)
    assert isinstance(name, str)
    return name


@dataclass
class _Node:
    """What is looked for below one place of a document."""

    members: dict[str, _Node] = field(default_factory=dict)
    elements: _Node | None = None
    path: int | None = None
    """The number of the path that ends here."""

    def below(self, step: Step) -> _Node:
        """The node of a step, made where it is missing."""
        if step is None:
            self.elements = self.elements or _Node()
            return self.elements
        return self.members.setdefault(step, _Node())


class Paths:
    """Some paths of one document. Raises ValueError where one leads through the end of another."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._root = _Node()
        self._names: list[list[str]] = []
        for number, path in enumerate(paths):
            steps = parse_path(path)
            node = self._root
            for step in steps:
                if node.path is not None:
                    raise ValueError(f"{path} leads through {paths[node.path]}")
                node = node.below(step)
            if node.path is not None or node.members or node.elements:
                raise ValueError(f"another path is {path} too, or leads through it")
            node.path = number
            self._names.append([f'"{step}"' for step in steps if step is not None])

    def _may_occur(self, text: str) -> bool:
        """A quick look: without the names of a path, none of them spelled with escapes, nothing is at it."""
        return "\\u" in text or any(all(name in text for name in names) for names in self._names)

    def spots(self, text: str, tags: Container[str]) -> list[Spot]:
        """The texts, numbers, and objects whose first member is in `tags`, at the paths. Raises NoDocument.

        Other values are of no interest. A text in which no path occurs need not be a document.
        """
        return _Scan(text, tags).spots(self._root) if self._may_occur(text) else []


class _Scan:
    """One walk through a document."""

    def __init__(self, text: str, tags: Container[str]) -> None:
        self._text = text
        self._tags = tags
        self._found: list[Spot] = []
        self._containers: list[_Node | None] = []
        """What is looked for in each container that is open, the innermost last."""
        self._closers = bytearray()
        self._tagged: tuple[int, int, int] | None = None
        """The depth, start and path of the tagged object that is being read."""

    def spots(self, root: _Node) -> list[Spot]:
        """All that is at the paths below `root`."""
        position = self._value(0, root)
        while self._closers:
            mark, position = self._mark(position)
            if mark == ord(","):
                position = self._next(position)
            elif mark == self._closers[-1]:
                self._close(position)
            else:
                raise NoDocument
        blanks = _BLANKS.match(self._text, position)
        if blanks is None or blanks.end() < len(self._text):
            raise NoDocument
        return self._found

    def _token(self, position: int) -> re.Match[str]:
        token = _TOKEN.match(self._text, position)
        if token is None:
            raise NoDocument
        return token

    def _mark(self, position: int) -> tuple[int, int]:
        token = self._token(position)
        if token["mark"] is None:
            raise NoDocument
        return ord(token["mark"]), token.end()

    def _value(self, position: int, node: _Node | None) -> int:
        """Read a value, or begin to read a container and, in it, the first member or element; returns where."""
        while True:
            token = self._token(position)
            kind = token.lastgroup
            if kind != "mark":
                if node is not None and node.path is not None and kind != "word":
                    self._found.append(Spot(node.path, token.start(kind or 0), token.end()))
                return token.end()
            opener = token["mark"]
            if opener not in "{[":
                raise NoDocument
            self._open(opener, node)
            empty = self._token(token.end())
            if empty["mark"] and ord(empty["mark"]) == self._closers[-1]:
                self._close(empty.end())
                return empty.end()
            if opener == "[":
                position, node = token.end(), node.elements if node is not None else None
                continue
            name, position = self._member(token.end())
            if node is not None and node.path is not None and name in self._tags and self._tagged is None:
                self._tagged = (len(self._closers), token.end() - 1, node.path)
            node = node.members.get(name) if node is not None else None

    def _open(self, opener: str, node: _Node | None) -> None:
        if len(self._closers) >= MAX_DEPTH:
            raise NoDocument
        self._containers.append(node)
        self._closers.append(ord("}" if opener == "{" else "]"))

    def _close(self, end: int) -> None:
        if self._tagged is not None and self._tagged[0] == len(self._closers):
            self._found.append(Spot(self._tagged[2], self._tagged[1], end))
            self._tagged = None
        self._containers.pop()
        self._closers.pop()

    def _member(self, position: int) -> tuple[str, int]:
        """The name of a member, and where its value begins."""
        token = self._token(position)
        quoted = token["text"]
        colon, position = self._mark(token.end())
        if quoted is None or colon != ord(":"):
            raise NoDocument
        if "\\" not in quoted:
            return quoted[1:-1], position
        try:
            return _name(quoted), position
        except ValueError:
            raise NoDocument from None

    def _next(self, position: int) -> int:
        """The member or element after a comma."""
        node = self._containers[-1]
        if self._closers[-1] == ord("]"):
            return self._value(position, node.elements if node is not None else None)
        name, position = self._member(position)
        return self._value(position, node.members.get(name) if node is not None else None)


def replaced(text: str, changes: Iterable[tuple[Spot, str]]) -> str:
    """The text with other texts at some of its spots, which are given in their order."""
    parts: list[str] = []
    position = 0
    for spot, new in changes:
        parts += [text[position : spot.start], new]
        position = spot.end
    parts.append(text[position:])
    return "".join(parts)
