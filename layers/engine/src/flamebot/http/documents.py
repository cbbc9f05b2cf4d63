"""JSON from strangers: parsed only if it means the same to every reader, and only if it can be stored."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from flamebot.domain.errors import Flaw, Invalid
from flamebot.domain.pointers import pointer
from flamebot.http.problems import Malformed

DEEPEST = 64  # deeper nesting has no use here, and recursion over it would end in a 500


def parse(raw: bytes) -> Any:  # noqa: ANN401  # JSON is anything
    """Parse a body. Raises `Malformed`, or `Invalid` for text that no table can hold."""
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
        raise Malformed(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise Malformed(f"The body is nested deeper than {DEEPEST} levels.") from None
    except ValueError:  # an integer of thousands of digits
        raise Malformed("The body holds a number that is too long.") from None
    _check(document)
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


def _check(document: object) -> None:
    """Walk without recursion: neither depth nor size of a document may bring the function down."""
    waiting: list[tuple[object, tuple[str | int, ...]]] = [(document, ())]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, str):
            if not storable(value):
                raise Invalid([Flaw(pointer(*path), "Must not hold NUL or half of a surrogate pair.")])
        elif isinstance(value, dict | list):
            if len(path) >= DEEPEST:
                raise Malformed(f"The body is nested deeper than {DEEPEST} levels.")
            members = value.items() if isinstance(value, dict) else enumerate(value)
            for name, member in members:
                if isinstance(name, str) and not storable(name):
                    raise Invalid([Flaw(pointer(*path), "Names must not hold NUL or half of a surrogate pair.")])
                waiting.append((member, (*path, name)))


def storable(text: str) -> bool:
    """Whether Postgres can hold the text."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
