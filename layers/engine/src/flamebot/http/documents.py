"""JSON from strangers: parsed only if it means the same to every reader, and only if it can be stored."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from flamebot.domain.errors import Invalid
from flamebot.domain.storable import definitely_storable, text_issue, values
from flamebot.http.problems import Malformed

DEEPEST = 64  # deeper nesting has no use here, and recursion over it would end in a 500
_CONTAINERS = (dict, list)


def parse(raw: bytes, *, rows: str | None = None) -> Any:  # noqa: ANN401  # JSON is anything
    """Parse a body. Raises `Malformed`, or `Invalid` for text that no table can hold.

    `rows` names a list whose members are judged one by one later: a bad one must not spoil the others.
    """
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_each_name_once,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise Malformed("The body is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise Malformed(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise Malformed(f"The body is nested deeper than {DEEPEST} levels.") from None
    except ValueError:  # an integer of thousands of digits
        raise Malformed("The body holds a number that is too long.") from None
    if not (definitely_storable(raw) and _shallow(document)):
        _check(document, rows)
    return document


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("The body names a member of an object twice.")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"The body holds {name}, which is not JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Malformed("The body holds a number that is too large.")
    return number


def _shallow(document: object) -> bool:
    """Whether nothing lies too deep: from level to level, by the containers alone."""
    level = [document]
    for _ in range(DEEPEST):
        level = [
            member for value in level for member in _members(value) if type(member) in _CONTAINERS
        ]
    return not any(map(_members, level))


def _members(value: object) -> Iterable[object]:
    return value.values() if type(value) is dict else value if type(value) is list else ()


def _check(document: object, rows: str | None) -> None:
    """Walk without recursion: neither depth nor size of a document may bring the function down."""
    for path, value in values(document):
        if len(path) > DEEPEST:
            raise Malformed(f"The body is nested deeper than {DEEPEST} levels.")
        issue = None if rows is not None and path[:1] == (rows,) else text_issue(path, value)
        if issue:
            raise Invalid([issue])
