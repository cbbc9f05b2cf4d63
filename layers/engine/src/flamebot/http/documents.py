"""Parse JSON of clients.

A document is accepted only if every parser reads the same from it, and if Postgres can store it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from flamebot.domain.errors import Invalid
from flamebot.domain.numbers import Inexact, decimal
from flamebot.domain.storable import definitely_storable, text_issue, values
from flamebot.http.problems import Malformed

MAX_DEPTH = 64  # no document of the API is nested as deep, and recursion over one would fail
_CONTAINERS = (dict, list)


def parse(raw: bytes, *, rows: str | None = None) -> Any:  # noqa: ANN401  # JSON is anything
    """Parse a body.

    Args:
        raw: The body as it was sent.
        rows: The name of a list whose members are validated one by one later. Text in it that
            cannot be stored rejects one row, not the whole request.

    Raises:
        Malformed: The body is not JSON, or is ambiguous or nested too deep.
        Invalid: The body has text that Postgres cannot store.
    """
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_refuse_duplicate_names,
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
        raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError:  # an integer of thousands of digits
        raise Malformed("The body holds a number that is too long.") from None
    # Two cheap tests that nearly every body passes; only the others are searched value by value.
    if not (definitely_storable(raw) and _shallow(document)):
        _check(document, rows)
    return document


def _refuse_duplicate_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 8259 leaves duplicate names open: two readers could act on different values.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("The body names a member of an object twice.")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"The body holds {name}, which is not JSON.")


def _finite(text: str) -> float | Inexact:
    """Parse a number. One that a float would round is refused where it would be stored."""
    number = decimal(text)
    if isinstance(number, float) and math.isinf(number):
        raise Malformed("The body holds a number that is too large.")
    return number


def _shallow(document: object) -> bool:
    """Return whether the nesting is within the limit, by its containers alone."""
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            member for value in level for member in _members(value) if type(member) in _CONTAINERS
        ]
    return not any(map(_members, level))


# Exact types instead of isinstance: json.loads makes no others, and this is the hot path.
def _members(value: object) -> Iterable[object]:
    return value.values() if type(value) is dict else value if type(value) is list else ()


def _check(document: object, rows: str | None) -> None:
    """Check every value. `values` does not recurse, so that depth cannot exhaust the stack."""
    for path, value in values(document):
        if len(path) > MAX_DEPTH:
            raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")
        issue = None if rows is not None and path[:1] == (rows,) else text_issue(path, value)
        if issue:
            raise Invalid([issue])
