"""The graph of a definition: where steps lead, what nothing leads to, and which loops could spin."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flamebot.domain.errors import ValidationIssue
from flamebot.domain.pointers import pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step as the graph sees it.

    `known` is False for a step that could not be read: it may lead anywhere, counts as delayed, and is never blamed. `field` is
    the name of the member that holds the target.
    """

    id: str | None
    targets: tuple[str, ...] = ()
    falls_through: bool = True
    delayed: bool = False  # its shortest delay is above zero
    known: bool = True
    field: str | None = None

    @property
    def jumps(self) -> bool:
        """Whether it is a jump: its delay lies between it and its target."""
        return bool(self.targets)


_Places = Mapping[str, int]
_Edge = Callable[[int, int], bool]


def graph_issues(nodes: Sequence[Node]) -> list[ValidationIssue]:
    """Find jumps to nowhere, steps that nothing reaches, and loops that could spin without any delay."""
    places: dict[str, int] = {}
    for place, node in enumerate(nodes):
        if node.id is not None:
            places.setdefault(node.id, place)
    return [*_nowhere(nodes, places), *_unreachable(nodes, places), *_spinning(nodes, places)]


def _nowhere(nodes: Sequence[Node], places: _Places) -> Iterator[ValidationIssue]:
    for place, node in enumerate(nodes):
        for target in node.targets:
            if target not in places:
                near = difflib.get_close_matches(target, places, n=1)
                hint = (
                    f' Did you mean "{near[0]}"?'
                    if near
                    else " It is the id of the step to go on with."
                )
                where = (
                    pointer("steps", place, node.field) if node.field else pointer("steps", place)
                )
                yield ValidationIssue(where, f"There is no step of this id.{hint}")


def _unreachable(nodes: Sequence[Node], places: _Places) -> Iterator[ValidationIssue]:
    def ends(start: int) -> Iterable[int]:
        node = nodes[start]
        lost = not node.known or any(target not in places for target in node.targets)
        return range(len(nodes)) if lost else _ends(nodes, places, start)

    reached = _reach(0, ends) if nodes else set()
    for place, node in enumerate(nodes):
        if place not in reached and node.known:
            yield ValidationIssue(
                pointer("steps", place),
                "Nothing leads to this step: what stands before it always jumps elsewhere.",
            )


def _spinning(nodes: Sequence[Node], places: _Places) -> Iterator[ValidationIssue]:
    def without_delay(start: int, end: int) -> bool:
        if nodes[end].delayed and not nodes[end].jumps:
            return False
        falls = end == start + 1 and nodes[start].falls_through
        return falls or not (nodes[start].jumps and nodes[start].delayed)

    def jumps_alone(start: int, end: int) -> bool:
        return nodes[start].jumps and nodes[end].jumps

    def loops(start: int, end: int, may: _Edge) -> bool:
        def ends(place: int) -> Iterable[int]:
            return (end for end in _ends(nodes, places, place) if may(place, end))

        return may(start, end) and start in _reach(end, ends)

    for place, node in enumerate(nodes):
        for end in (places[target] for target in node.targets if target in places):
            if loops(place, end, jumps_alone):
                detail = "This loop is made of jumps alone: it could spin without end, and nothing in it ever runs."
                yield ValidationIssue(pointer("steps", place), detail)
            elif not node.delayed and loops(place, end, without_delay):
                loop = f'The loop back to "{nodes[end].id}" could spin without any delay'
                yield ValidationIssue(
                    pointer("steps", place),
                    f"{loop}: give this step, or another one in it, a delay above zero.",
                )


def _reach(start: int, ends: Callable[[int], Iterable[int]]) -> set[int]:
    reached, rest = {start}, [start]
    while rest:
        for end in ends(rest.pop()):
            if end not in reached:
                reached.add(end)
                rest.append(end)
    return reached


def _ends(nodes: Sequence[Node], places: _Places, place: int) -> Iterator[int]:
    node = nodes[place]
    if node.falls_through and place + 1 < len(nodes):
        yield place + 1
    yield from (places[target] for target in node.targets if target in places)
