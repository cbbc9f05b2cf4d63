"""The tree of a definition file: its values, where each begins, and what is wrong with it.

Both readers, of YAML and of JSON, build their trees here, so that both refuse the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from flamebot.domain.document import LARGEST
from flamebot.domain.numbers import TOO_LARGE, TOO_LONG, Inexact, decimal
from flamebot.domain.pointers import pointer
from flamebot.domain.storable import DEEPEST, text_issue

MOST_ISSUES = 20
_LONGEST_INTEGER = 40  # characters; any longer one is too large for every field
_LONGEST_QUOTE = 40
_TOO_BIG = f"A definition has at most {LARGEST // 1024} KB of JSON."


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file: line and column of a character, both from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        """Return `line:column`, as editors write it."""
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileIssue:
    """An issue of a file: where, as a position and as a JSON pointer, and a sentence about it."""

    position: Position
    pointer: str
    detail: str


class Unreadable(Exception):
    """The file holds no definition that could be sent. `issues` has everything that was found."""

    def __init__(self, issues: list[FileIssue]) -> None:
        super().__init__("; ".join(f"{issue.position}: {issue.detail}" for issue in issues))
        self.issues = issues


@dataclass(slots=True, kw_only=True)
class Node:
    """A value and where it begins. `children` are those of an object, by name, or of a list."""

    value: Any
    position: Position
    children: dict[str, Node] | list[Node] | None = None
    size: int = 1  # of the value as JSON, in bytes, at least; an alias counts each time
    height: int = 0  # levels below it

    def nearest(self, path: str) -> Node:
        """Return the node of a JSON pointer, or its nearest parent that exists."""
        node = self
        for part in path.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            inner: Node | None = None
            if isinstance(node.children, dict):
                inner = node.children.get(name)
            elif node.children and name.isdecimal() and int(name) < len(node.children):
                inner = node.children[int(name)]
            if inner is None:
                break
            node = inner
        return node


@dataclass(slots=True)
class _Open:
    node: Node
    name: str | None = None  # of the member whose value comes next


@dataclass(slots=True)
class Builder:
    """Builds a tree from its parts in the order of the file.

    In an object, names and values take turns. Every method may raise `Unreadable`: the file is not
    read to its end if it is nested too deep, too large, or has very many issues.
    """

    root: Node | None = None
    issues: list[FileIssue] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _size: int = 0

    @property
    def expects_name(self) -> bool:
        """Whether the next value is the name of a member."""
        return (
            bool(self._open)
            and isinstance(self._open[-1].node.children, dict)
            and (self._open[-1].name is None)
        )

    def scalar(self, value: object, position: Position) -> Node:
        """Add a text, a number, true, false or null."""
        node = Node(value=value, position=position)
        if isinstance(value, str):
            node.size = len(value) + 2
            if issue := text_issue((), value):
                self.issue(issue.detail, position)
        self.add(node, position)
        return node

    def integer(self, text: str, position: Position, base: int = 10) -> Node:
        """Add a whole number from its digits."""
        if len(text) <= _LONGEST_INTEGER:
            return self.scalar(int(text, base), position)
        self.issue(TOO_LARGE, position)
        return self.scalar(0, position)

    def decimal(self, text: str, position: Position) -> Node:
        """Add a number with a point or an exponent."""
        number = decimal(text)
        if isinstance(number, Inexact) or math.isinf(number):
            self.issue(TOO_LONG if isinstance(number, Inexact) else TOO_LARGE, position)
            number = 0.0
        return self.scalar(number, position)

    def open(self, position: Position, *, names: bool) -> Node:
        """Begin an object, if its members have names, or a list."""
        node = Node(
            value={} if names else [], position=position, children={} if names else [], size=2
        )
        self._check_depth(node, position)
        self._open.append(_Open(node))
        return node

    def close(self) -> Node:
        """End the object or list that was begun last."""
        node = self._open.pop().node
        self._size -= node.size - 2  # its members are counted; `add` counts it as a whole
        self.add(node, node.position)
        return node

    def add(self, node: Node, position: Position) -> None:
        """Add a complete value, also one that stands elsewhere in the tree (an alias)."""
        self._check_depth(node, position)
        self._count(node, position)
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if self.expects_name:
            parent.name = self._name(parent, node)
            parent.node.size += node.size
            return
        parent.node.size += node.size
        parent.node.height = max(parent.node.height, node.height + 1)
        if isinstance(parent.node.children, list):
            parent.node.children.append(node)
            parent.node.value.append(node.value)
        elif parent.node.children is not None and parent.name is not None:
            parent.node.children[parent.name] = node
            parent.node.value[parent.name] = node.value
            parent.name = None

    def issue(self, detail: str, position: Position) -> None:
        """Note an issue of the value that comes next."""
        path = [
            one.name if one.name is not None else len(one.node.children or ())
            for one in self._open
            if one.name is not None or isinstance(one.node.children, list)
        ]
        self.issues.append(FileIssue(position=position, pointer=pointer(*path), detail=detail))
        if len(self.issues) >= MOST_ISSUES:
            raise Unreadable(self.issues)

    def fail(self, detail: str, position: Position) -> Unreadable:
        """Return the error of a file that cannot be read any further."""
        self.issues.append(FileIssue(position=position, pointer="", detail=detail))
        return Unreadable(self.issues)

    def _name(self, parent: _Open, node: Node) -> str:
        children = parent.node.children
        assert isinstance(children, dict), "only objects have names"
        name = node.value
        if not isinstance(name, str):
            self.issue("The name of a field is a text; put it in quotes.", node.position)
            return f"?{len(children)}"  # any name will do, since the file is refused
        if name in children:
            quoted = name if len(name) <= _LONGEST_QUOTE else name[:_LONGEST_QUOTE] + "..."
            first = children[name].position.line
            self.issue(f'Repeats the name "{quoted}"; line {first} has it too.', node.position)
            return f"?{len(children)}"
        return name

    def _check_depth(self, node: Node, position: Position) -> None:
        if len(self._open) + node.height > DEEPEST:
            raise self.fail(f"Nested more than {DEEPEST} levels deep.", position)

    def _count(self, node: Node, position: Position) -> None:
        # The size in bytes may be larger, never smaller: what stops here is too large in any case.
        self._size += node.size
        if self._size > LARGEST:
            raise self.fail(_TOO_BIG, position)
