"""YAML as plain nodes that know their line, read so that a hostile file costs little.

No objects are constructed, anchors and aliases are refused (a few of them expand to gigabytes), and size and depth
are bounded before anything recursive looks at the document.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from edms_backup.errors import RegistryError
from edms_backup.model import Scalar

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 16
MAX_NAME = 256
ROOT = "the registry"
_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,4})?")


@dataclass(frozen=True)
class Place:
    """A line of a file, and how to complain about it."""

    path: str
    line: int

    def fail(self, message: str, hint: str | None = None) -> NoReturn:
        """Raise RegistryError for this line."""
        raise RegistryError(f"{self.path}:{self.line}: {message}", hint=hint)


@dataclass(frozen=True)
class Located:
    """One node of the document, and its place."""

    node: Node
    path: str
    what: str
    """What it is, for messages: `tables.users.key`."""
    line: int = 0
    """The line of its name in the mapping around it; 0: its own."""

    @property
    def place(self) -> Place:
        """Where the node, or its name, is."""
        return Place(self.path, self.line or self.node.start_mark.line + 1)

    def fail(self, message: str, hint: str | None = None) -> NoReturn:
        """Raise RegistryError for this node."""
        self.place.fail(message, hint)

    def mapping(self, hint: str | None = None) -> dict[str, Located]:
        """The fields of a mapping; a key that occurs twice is a mistake."""
        if not isinstance(self.node, MappingNode):
            self.fail(f"{self.what} must be a mapping, not {describe(self.node)}", hint)
        found: dict[str, Located] = {}
        for key_node, value in self.node.value:
            key = Located(key_node, self.path, f"a name in {self.what}")
            name = key.text()
            if name in found:
                first = found[name].place.line
                key.fail(f"{quoted(name)} occurs twice in {self.what}", f"it is also on line {first}; merge the two")
            what = name if self.what == ROOT else f"{self.what}.{name}"
            found[name] = Located(value, self.path, what, key.place.line)
        return found

    def items(self, hint: str | None = None) -> list[Located]:
        """The items of a list."""
        if not isinstance(self.node, SequenceNode):
            self.fail(f"{self.what} must be a list, not {describe(self.node)}", hint)
        return [Located(node, self.path, f"an item of {self.what}") for node in self.node.value]

    def text(self, hint: str | None = None) -> str:
        """A string that is not empty."""
        if not self._is("str"):
            if isinstance(self.node, ScalarNode) and self.node.value and hint is None:
                hint = f'if it is a name, quote it: "{self.node.value[:MAX_NAME]}"'
            self.fail(f"{self.what} must be text, not {describe(self.node)}", hint)
        value = str(self.node.value)
        if not value.strip():
            self.fail(f"{self.what} is empty", hint)
        if len(value) > MAX_NAME or not value.isprintable():
            self.fail(f"{self.what} is longer than {MAX_NAME} characters or has control characters", hint)
        return value

    def scalar(self) -> str | None:
        """A text as it is written, None where the node is no text."""
        return str(self.node.value) if self._is("str") else None

    def integer(self) -> str | None:
        """A whole number as it is written, None where the node is none."""
        return str(self.node.value) if self._is("int") else None

    def boolean(self) -> bool:
        """True or false."""
        if not self._is("bool"):
            self.fail(f"{self.what} must be true or false, not {describe(self.node)}")
        return str(self.node.value).lower() == "true"

    def value(self) -> Scalar:
        """Text, a number, true, false or nothing. A number with a point stays the text that it is, digit for digit."""
        text = str(self.node.value)
        if self._is("null"):
            return None
        if self._is("bool"):
            return self.boolean()
        if self._is("int") and _INTEGER.fullmatch(text):
            return int(text)
        if not self._is("str") and not (self._is("float") and _DECIMAL.fullmatch(text)):
            self.fail(
                f"{self.what} must be text, a plain number, true, false or null, not {describe(self.node)}",
                "write any other value in quotes, as an archive holds it",
            )
        return text

    def entries(self, hint: str) -> dict[str, Located]:
        """The fields of a mapping that has at least one."""
        found = self.mapping(hint)
        if not found:
            self.fail(f"{self.what} is empty", hint)
        return found

    def _is(self, tag: str) -> bool:
        return isinstance(self.node, ScalarNode) and self.node.tag == f"{_TAG}{tag}"

    def names(self, hint: str) -> tuple[str, ...]:
        """A list of different names, at least one."""
        items = self.items(hint)
        if not items:
            self.fail(f"{self.what} is empty", hint)
        found: list[str] = []
        for item in items:
            name = item.text()
            if name in found:
                item.fail(f"{quoted(name)} occurs twice in {self.what}", "remove one of them")
            found.append(name)
        return tuple(found)

    def one_of(self, allowed: Iterable[str]) -> str:
        """One of the words `allowed`."""
        words = list(allowed)
        hint = f"write one of {', '.join(words)}"
        value = self.text(hint)
        if value not in words:
            self.fail(f"{self.what} cannot be {quoted(value)}", did_you_mean(value, words) or hint)
        return value


def quoted(name: str) -> str:
    """A name in double quotes, on one line whatever it contains."""
    return f'"{name}"' if name.isprintable() else ascii(name)


def did_you_mean(wrong: str, known: Iterable[str]) -> str | None:
    """A hint with the known name that is most like `wrong`; None where none is like it."""
    names = list(known)
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(wrong[:MAX_NAME].lower(), lowered, n=1, cutoff=0.6)
    return f"did you mean {quoted(lowered[close[0]])}?" if close else None


def describe(node: Node) -> str:
    """What a node is, in words."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    tag = str(node.tag).removeprefix(_TAG)
    names = {"null": "nothing", "int": "a number", "float": "a number", "bool": "true or false", "str": "text"}
    names["timestamp"] = "a date"
    return names.get(tag, "a value of a type of its own")


def load(text: bytes, path: str) -> Located:
    """The document in `text`. Raises RegistryError with file and line."""
    if len(text) > MAX_BYTES:
        Place(path, 1).fail(f"the registry has {len(text)} bytes", f"the limit is {MAX_BYTES}")
    try:
        content = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        Place(path, text.count(b"\n", 0, error.start) + 1).fail("the registry is not UTF-8", "save it as UTF-8")
    try:
        _refuse_bombs(content, path)
        node = YAML(typ="safe", pure=True).compose(content)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(error.problem or error.context).split())
        line = mark.line + 1 if mark else 1
        hint = "check indentation, brackets, quotes and colons around here"
        if "alias" in str(error.context):
            hint = 'a star for a key is written "*", in quotes'
        Place(path, line).fail(f"not YAML: {problem}", hint)
    except (YAMLError, ValueError) as error:
        line = content.count("\n", 0, getattr(error, "position", 0) or 0) + 1
        problem = str(error).splitlines()[0]
        Place(path, line).fail(f"not YAML: {problem}", "remove what is no printable text")
    if node is None:
        Place(path, 1).fail("the registry is empty", "begin with: version: 1")
    return Located(node, path, ROOT)


def _refuse_bombs(content: str, path: str) -> None:
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(content):
        place = Place(path, event.start_mark.line + 1)
        if isinstance(event, NodeEvent) and event.anchor is not None:
            place.fail("anchors and aliases (&, *) are not allowed", 'write it out; a star for a key is "*" in quotes')
        if getattr(event, "ctag", None) is not None:
            place.fail("tags (!) are not allowed", "write plain text, numbers, lists and mappings")
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                place.fail(f"nested deeper than {MAX_DEPTH} levels", "a registry needs six")
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
