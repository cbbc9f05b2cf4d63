"""Reads YAML 1.2 with its core schema, by the scanner and parser of PyYAML.

PyYAML's own loaders read the types of YAML 1.1: 10:00 as 600, 010 as 8 and on as true. Only its
events are used here; docs/adr/0019 has the reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import yaml
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.scanner import Scanner

from flamebot.adapters.definition_files.tree import Builder, Node, Position

_NULLS: Final = {"", "~", "null", "Null", "NULL"}
_BOOLEANS: Final = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_DECIMAL: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# Line ends of YAML 1.1; in YAML 1.2 they are characters like others.
_FORMER_LINE_ENDS: Final = "\x85\u2028\u2029"
_PRIVATE: Final = (range(0xE000, 0xF900), range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_TAB: Final = "YAML does not allow a tab here: use blanks. A file of JSON has a name in .json."


class _Events(Reader, Scanner, Parser):
    """PyYAML's events of a text."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def check_key(self) -> bool:
        """Return whether a "?" begins a name. As in YAML 1.2, a blank must follow, also in []."""
        return self.peek(1) in "\0 \t\r\n"


def build_from_yaml(text: str, builder: Builder) -> None:
    """Read one document. Raises `Unreadable` if it is no YAML."""
    stand_ins = _stand_ins(text)
    text = text.translate(stand_ins)
    try:
        events = _Events(text)
    except ReaderError as error:
        offset = error.position
        line = text.count("\n", 0, offset) + 1
        position = Position(line, offset - (text.rfind("\n", 0, offset) + 1) + 1)
        code = f"U+{ord(text[offset]):04X}"
        raise builder.fail(
            f"It has the character {code}, which YAML does not allow. Write it as an escape, in"
            " double quotes.",
            position,
        ) from None
    originals = {stand_in: end for end, stand_in in stand_ins.items()}
    try:
        _Document(builder, originals).build(_every(events))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        detail = _TAB if r"'\t'" in problem else f"It is not YAML: {problem}."
        raise builder.fail(detail, _position(mark)) from None
    except (ValueError, OverflowError):  # an escape or a version that is no number Python has
        detail = "It is not YAML: it has an escape or a version that does not exist."
        raise builder.fail(detail, _position(events.get_mark())) from None
    finally:
        events.dispose()


class _Document:
    """Builds the tree of the one document that a file has."""

    def __init__(self, builder: Builder, originals: dict[int, int]) -> None:
        self._builder = builder
        self._originals = originals
        self._documents = 0
        self._anchors: dict[str, Node | None] = {}  # None: the value is not complete
        self._open: list[str | None] = []

    def build(self, events: Iterator[yaml.Event]) -> None:
        for event in events:
            position = _position(event.start_mark)
            match event:
                case yaml.DocumentStartEvent():
                    self._begin(event, position)
                case yaml.ScalarEvent():
                    self._check_tag(event, position)
                    self._keep(event.anchor, self._scalar(event, position), position)
                case yaml.CollectionStartEvent():
                    self._check_tag(event, position)
                    self._keep(event.anchor, None, position)
                    self._open.append(event.anchor)
                    names = isinstance(event, yaml.MappingStartEvent)
                    self._builder.open(position, names=names)
                case yaml.CollectionEndEvent():
                    anchor = self._open.pop()
                    node = self._builder.close()
                    if anchor is not None:
                        self._anchors[anchor] = node
                case yaml.AliasEvent():
                    self._alias(str(event.anchor), position)

    def _begin(self, event: yaml.DocumentStartEvent, position: Position) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._builder.fail("A file has one definition; a second one begins.", position)
        if event.version and event.version != (1, 2):
            version = ".".join(map(str, event.version))
            raise self._builder.fail(
                f"It says that it is YAML {version}; a definition is YAML 1.2.", position
            )

    def _check_tag(self, event: Any, position: Position) -> None:  # noqa: ANN401  # two kinds of events
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")[:40]
            self._builder.issue(
                f"Has the tag {tag}. A definition has the types of JSON and no tags.", position
            )

    def _keep(self, anchor: str | None, node: Node | None, position: Position) -> None:
        if anchor is None:
            return
        if anchor in self._anchors:
            self._builder.issue(f"The anchor &{anchor[:40]} is there already.", position)
        self._anchors[anchor] = node

    def _alias(self, anchor: str, position: Position) -> None:
        node = self._anchors.get(anchor)
        if node is not None:
            self._builder.add(node, position)
            return
        self._builder.issue(
            f"*{anchor[:40]} is a part of itself, which JSON cannot hold."
            if anchor in self._anchors
            else f"There is no anchor &{anchor[:40]} before it.",
            position,
        )
        self._builder.scalar(None, position)

    def _scalar(self, event: yaml.ScalarEvent, position: Position) -> Node:
        """Add a scalar: a quoted one and a block are texts, a plain one has a type of its own."""
        builder, text = self._builder, event.value.translate(self._originals)
        if event.style is not None:
            # JSON writes characters beyond U+FFFF as two escapes, PyYAML reads each by itself.
            return builder.scalar(_SURROGATES.sub(_joined, text), position)
        if text in _NULLS:
            return builder.scalar(None, position)
        if text in _BOOLEANS:
            return builder.scalar(_BOOLEANS[text], position)
        if _LEADING_ZERO.fullmatch(text):
            builder.issue(
                "A number with leading zeros is read in two ways, as 010 is 8 in YAML 1.1 and 10 in"
                " YAML 1.2. Write it without them, or as a text in quotes.",
                position,
            )
            return builder.scalar(0, position)
        if _INTEGER.fullmatch(text):
            return builder.integer(text, position)
        if _BASED.fullmatch(text):
            return builder.integer(text, position, base=0)
        if _DECIMAL.fullmatch(text):
            return builder.decimal(text, position)
        if _NOT_FINITE.fullmatch(text):
            builder.issue(f"JSON has no number {text}.", position)
        elif text == "<<" and builder.expects_name:
            builder.issue("YAML 1.2 has no merge key <<. Write the fields out.", position)
        return builder.scalar(text, position)


def _every(events: _Events) -> Iterator[yaml.Event]:
    while events.check_event():
        yield events.get_event()  # type: ignore[no-untyped-call]  # as its stubs have it


def _position(mark: Any) -> Position:  # noqa: ANN401  # the marks of two parsers
    return Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")


def _stand_ins(text: str) -> dict[int, int]:
    """Return a private character that the text does not have for each former line end in it."""
    # There is always a free one: a file of 512 KB cannot have all 137,468 of them.
    free = (code for code in chain(*_PRIVATE) if chr(code) not in text)
    return {ord(end): next(free) for end in _FORMER_LINE_ENDS if end in text}
