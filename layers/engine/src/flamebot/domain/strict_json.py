"""A strict JSON parser: no duplicate names, no NaN, no very deep nesting, no rounded number.

Readers differ in these, so such a document has no single meaning. Errors never quote the document,
which may hold credentials.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from flamebot.domain.numbers import Inexact, decimal


class NotJson(ValueError):
    """The text is not JSON, or JSON that readers understand differently."""


def parse_json(text: str) -> Any:  # noqa: ANN401  # JSON is anything
    """Parse a document. Raises `NotJson`, whose text is a sentence for the client."""
    try:
        return json.loads(
            text,
            object_pairs_hook=_each_name_once,
            parse_constant=_refuse_constant,
            parse_float=_exact,
        )
    except NotJson:
        raise
    except json.JSONDecodeError as error:
        raise NotJson(f"It is not JSON: {error.msg} at column {error.pos + 1}.") from None
    except RecursionError:
        raise NotJson("It is nested too deep.") from None
    except ValueError:  # Python refuses integers of thousands of digits
        raise NotJson("It holds a number that is too long.") from None


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJson("It names a member of an object twice.")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"It holds {name}, which is not JSON.")


def _exact(text: str) -> float:
    number = decimal(text)
    if isinstance(number, Inexact):
        raise NotJson(
            "It holds a number with more digits than can be kept. Write it as a text, in quotes."
        )
    if math.isinf(number):
        raise NotJson("It holds a number that is too large.")
    return number
