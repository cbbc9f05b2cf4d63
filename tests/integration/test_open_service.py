"""open_service opens a breaker by hand, until a person closes it."""

from __future__ import annotations

import psycopg2
import pytest

from tests.support.builders import a_cancel, a_submit, after, an_instance, begin, claim
from tests.support.databases import TestDatabase, start
from tests.support.services import opened, record, service


def open_service(db: TestDatabase, name: str = "actions_service", minutes: float = 0) -> object:
    """Open a breaker as an operator does."""
    at = after(minutes=minutes)
    return db.value("select open_service(%s, %s, 'tester', 'their maintenance')", (name, at))


def test_it_is_open_until_a_person_closes_it(database: TestDatabase) -> None:
    """It makes no probe, and no answer closes it."""
    answer = open_service(database)
    assert isinstance(answer, dict)
    assert (answer["state"], answer["is_manual"], answer["per_second"]) == ("open", True, 0)
    assert answer["next_probe_at"] is None
    assert (answer["reason"], answer["changed_by"]) == ("their maintenance", "tester")
    an_instance(database, a_submit(at=after(minutes=10)))
    assert claim(database, now=after(hours=1)) == []
    assert record(database, now=after(hours=1), answered=9)["state"] == "open"


def test_cancels_go_on(database: TestDatabase) -> None:
    """A stop is not delayed by a breaker."""
    due = after(minutes=10)
    cancelling = an_instance(database, a_cancel(at=due)).task_id
    open_service(database)
    assert [row["task_id"] for row in claim(database, now=due)] == [cancelling]
    assert len(begin(database, cancelling, now=due)) == 1


def test_an_opening_by_the_engine_becomes_the_persons(database: TestDatabase) -> None:
    """Each opening has its row and its reason."""
    opened(database)
    open_service(database, minutes=1)
    rows = database.rows("select reason, opened_by, ended_at from service_openings order by id")
    assert [tuple(row.values()) for row in rows] == [
        ("unanswered", None, after(minutes=1)),
        ("their maintenance", "tester", None),
    ]


def test_opening_again_changes_nothing(database: TestDatabase) -> None:
    """But it is audited: who requested it is worth keeping."""
    open_service(database)
    before = service(database)
    open_service(database, minutes=5)
    assert service(database) == before
    rows = database.rows("select actor, subject, before from audit_log order by id")
    assert [row["subject"] for row in rows] == ["service/actions_service"] * 2
    assert [row["before"] for row in rows] == [{"state": "closed"}, {"state": "open"}]


def test_an_unknown_service_is_not_found(database: TestDatabase) -> None:
    """Nothing is written for it."""
    with pytest.raises(psycopg2.Error) as caught:
        open_service(database, "mail_service")
    assert caught.value.pgcode == "FB001"
    assert database.rows("select 1 from audit_log") == []


def test_an_opening_by_hand_waits_for_a_commit(database: TestDatabase) -> None:
    """Race: what a commit at the same moment saw as answered does not half open it."""
    opened(database)
    other = database.session()
    database.main.begin()
    open_service(database)
    waiting = start(lambda: record(other, generation=2, answered=1))
    database.until_blocked(other)
    database.main.commit()
    assert waiting.result()["state"] == "open"
