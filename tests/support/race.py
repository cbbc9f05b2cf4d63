"""Two sessions at once in a fixed order.

Nothing sleeps, and the result does not depend on timing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg2

from tests.support.databases import Session, TestDatabase, start

Call = Callable[[Session], Any]


def race(
    database: TestDatabase, first: Call, second: Call, *, waits: bool = True
) -> tuple[Any, Any]:
    """Run the first call, then the second before the first has committed, then commit.

    Return both results.
    """
    one, other = database.session(), database.session()
    one.begin()
    first_answer = first(one)
    waiting = start(lambda: second(other))
    if waits:
        database.until_blocked(other)
    else:
        waiting.result()
    one.commit()
    second_answer = waiting.result()
    one.close()
    other.close()
    return first_answer, second_answer


def or_refusal(operation: Call) -> Call:
    """Return the call with refusals as results: the SQLSTATE, such as FB001."""

    def call(session: Session) -> Any:
        try:
            return operation(session)
        except psycopg2.Error as refusal:
            if not (refusal.pgcode or "").startswith("FB"):
                raise
            return refusal.pgcode

    return call
