"""JSON that means the same to every reader: no name twice, no NaN, nothing too deep. What is wrong is said without quoting it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


class NotJson(ValueError):
    """It cannot be read, or not by everybody alike."""


def parse_json(text: str) -> Any:  # noqa: ANN401  # JSON is anything
    """Parse a document. Raises `NotJson`."""
    try:
        return json.loads(
            text,
            object_pairs_hook=_each_name_once,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except NotJson:
        raise
    except json.JSONDecodeError as error:
        raise NotJson(f"It is not JSON: {error.msg} at column {error.pos + 1}.") from None
    except RecursionError:
        raise NotJson("It is nested too deep.") from None
    except ValueError:  # an integer of thousands of digits
        raise NotJson("It holds a number that is too long.") from None


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJson("It names a member of an object twice.")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"It holds {name}, which is not JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotJson("It holds a number that is too large.")
    return number
