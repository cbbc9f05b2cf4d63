"""The graph of a definition: unknown targets, unreachable steps, and loops without a delay."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flamebot.domain.errors import ValidationIssue
from flamebot.domain.pointers import pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step in the graph.

    A step that could not be read (`known` is False) may lead anywhere, counts as delayed, and gets
    no issue here. `field` is the name of the member that holds the target.
    """

    id: str | None
    targets: tuple[str, ...] = ()
    falls_through: bool = True
    delayed: bool = False  # its shortest delay is longer than zero
    known: bool = True
    field: str | None = None

    @property
    def jumps(self) -> bool:
        """Whether it is a jump, whose delay lies between it and its target."""
        return bool(self.targets)


_Indexes = Mapping[str, int]
_Edge = Callable[[int, int], bool]


def graph_issues(nodes: Sequence[Node]) -> list[ValidationIssue]:
    """Find jumps to unknown steps, unreachable steps, and loops that may repeat without a delay."""
    indexes: dict[str, int] = {}
    for index, node in enumerate(nodes):
        if node.id is not None:
            indexes.setdefault(node.id, index)
    return [
        *_unknown_targets(nodes, indexes),
        *_unreachable(nodes, indexes),
        *_spinning(nodes, indexes),
    ]


def _unknown_targets(nodes: Sequence[Node], indexes: _Indexes) -> Iterator[ValidationIssue]:
    for index, node in enumerate(nodes):
        for target in node.targets:
            if target not in indexes:
                near = difflib.get_close_matches(target, indexes, n=1)
                advice = (
                    f' Did you mean "{near[0]}"?' if near else " The target is the id of a step."
                )
                where = (
                    pointer("steps", index, node.field) if node.field else pointer("steps", index)
                )
                yield ValidationIssue(where, f"There is no step of this id.{advice}")


def _unreachable(nodes: Sequence[Node], indexes: _Indexes) -> Iterator[ValidationIssue]:
    def ends(start: int) -> Iterable[int]:
        node = nodes[start]
        anywhere = not node.known or any(target not in indexes for target in node.targets)
        return range(len(nodes)) if anywhere else _ends(nodes, indexes, start)

    reached = _reach(0, ends) if nodes else set()
    for index, node in enumerate(nodes):
        if index not in reached and node.known:
            yield ValidationIssue(
                pointer("steps", index),
                "This step cannot be reached: the step before it always jumps elsewhere.",
            )


def _spinning(nodes: Sequence[Node], indexes: _Indexes) -> Iterator[ValidationIssue]:
    # Two loops are refused. One of jumps alone never reaches a task, whatever its delays: advancing
    # it would not end. One without any delay could run a step again and again without a pause.
    def without_delay(start: int, end: int) -> bool:
        if nodes[end].delayed and not nodes[end].jumps:
            return False
        falls = end == start + 1 and nodes[start].falls_through
        return falls or not (nodes[start].jumps and nodes[start].delayed)

    def jumps_alone(start: int, end: int) -> bool:
        return nodes[start].jumps and nodes[end].jumps

    def loops(start: int, end: int, may: _Edge) -> bool:
        def ends(index: int) -> Iterable[int]:
            return (end for end in _ends(nodes, indexes, index) if may(index, end))

        return may(start, end) and start in _reach(end, ends)

    for index, node in enumerate(nodes):
        for end in (indexes[target] for target in node.targets if target in indexes):
            if loops(index, end, jumps_alone):
                detail = (
                    "This loop consists of jumps only: it could repeat for ever and run no step."
                )
                yield ValidationIssue(pointer("steps", index), detail)
            elif not node.delayed and loops(index, end, without_delay):
                loop = f'The loop back to "{nodes[end].id}" could repeat without a delay'
                yield ValidationIssue(
                    pointer("steps", index),
                    f"{loop}: give this step or another one in it a delay longer than zero.",
                )


def _reach(start: int, ends: Callable[[int], Iterable[int]]) -> set[int]:
    reached, rest = {start}, [start]
    while rest:
        for end in ends(rest.pop()):
            if end not in reached:
                reached.add(end)
                rest.append(end)
    return reached


def _ends(nodes: Sequence[Node], indexes: _Indexes, index: int) -> Iterator[int]:
    node = nodes[index]
    if node.falls_through and index + 1 < len(nodes):
        yield index + 1
    yield from (indexes[target] for target in node.targets if target in indexes)
