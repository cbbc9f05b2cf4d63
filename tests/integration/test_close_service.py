"""close_service releases the tasks of an open service on a ramp."""

from __future__ import annotations

import psycopg2
import pytest

from tests.support.builders import NOON, a_submit, after, an_instance, claim
from tests.support.databases import TestDatabase
from tests.support.services import opened, record, service


def close_service(db: TestDatabase, name: str = "actions_service") -> object:
    """Close a breaker as an operator does."""
    return db.value("select close_service(%s, %s, 'tester', 'mended')", (name, after(minutes=9)))


@pytest.mark.parametrize("by_hand", [True, False])
def test_an_open_breaker_becomes_half_open(database: TestDatabase, by_hand: bool) -> None:
    """Its tasks are released at a growing rate, whether the engine or a person opened it."""
    if by_hand:
        database.rows("select open_service('actions_service', %s, 'tester', null)", (NOON,))
    else:
        opened(database)
    for _ in range(3):
        an_instance(database, a_submit(at=after(minutes=5)))
    answer = close_service(database)
    assert isinstance(answer, dict)
    assert (answer["state"], answer["held_back"], answer["per_second"]) == ("half_open", 3, 10)
    assert (answer["is_manual"], answer["changed_by"]) == (False, "tester")
    assert len(claim(database, now=after(minutes=9))) == 3
    (opening,) = database.rows("select ended_at, ended_by from service_openings")
    assert tuple(opening.values()) == (after(minutes=9), "tester")


def test_it_opens_again_if_the_service_still_fails(database: TestDatabase) -> None:
    """A person may be mistaken: the first trial that fails opens it."""
    opened(database)
    close_service(database)
    assert record(database, now=after(minutes=10), unknown=1)["state"] == "open"


def test_closing_a_closed_breaker_changes_nothing(database: TestDatabase) -> None:
    """But it is audited who requested it."""
    before = service(database)
    close_service(database)
    assert service(database) == before
    (row,) = database.rows("select before, after from audit_log")
    assert row == {"before": {"state": "closed"}, "after": {"state": "closed"}}


def test_an_unknown_service_is_not_found(database: TestDatabase) -> None:
    """Nothing is written for it."""
    with pytest.raises(psycopg2.Error) as caught:
        close_service(database, "mail_service")
    assert caught.value.pgcode == "FB001"
