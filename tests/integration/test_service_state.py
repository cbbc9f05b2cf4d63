"""service_state says what operators see of a service."""

from __future__ import annotations

from typing import Any

from flamebot.domain.task import Phase
from tests.support.builders import NOON, a_next, a_submit, after, an_instance
from tests.support.databases import TestDatabase
from tests.support.services import half_opened, opened, record


def state(db: TestDatabase, name: str = "actions_service", minutes: float = 0) -> dict[str, Any]:
    """Call service_state at a later time."""
    found: dict[str, Any] = db.value("select service_state(%s, %s)", (name, after(minutes=minutes)))
    return found


def test_a_service_that_is_well(database: TestDatabase) -> None:
    """Its calls of the last minute by how they ended, and nothing held back."""
    record(database, answered=7, refused=1)
    an_instance(database, a_submit(at=NOON))
    found = state(database)
    assert (found["state"], found["per_second"], found["held_back"]) == ("closed", None, 0)
    ends = {"answered": 7, "refused": 1, "throttled": 0, "denied": 0, "unknown": 0}
    assert found["calls"] == ends
    assert state(database, minutes=2)["calls"] == dict.fromkeys(ends, 0)
    assert found["openings"] == []


def test_an_open_service(database: TestDatabase) -> None:
    """What waits for it, and when it is tried next."""
    an_instance(database, a_submit(at=after(minutes=5)))
    an_instance(database, a_submit(at=after(minutes=15)))
    an_instance(database, a_next(at=after(minutes=5), phase=Phase.GENERATE))
    opened(database)
    found = state(database, minutes=9)
    assert (found["state"], found["reason"], found["held_back"]) == ("open", "unanswered", 1)
    assert found["last_failure"] == "outcome_unknown: no response"
    # The probe is overdue: it comes with the next claim.
    assert found["next_probe_at"].startswith("2030-01-01T12:09:00")
    assert len(found["openings"]) == 1


def test_the_rate_of_a_ramp(database: TestDatabase) -> None:
    """The rate that is shown is the present one."""
    half_opened(database)
    assert state(database)["per_second"] == 10
    assert state(database, minutes=0.5)["per_second"] == 80


def test_the_last_twenty_openings_the_latest_first(database: TestDatabase) -> None:
    """Older ones stay in the table."""
    for minute in range(22):
        half_opened(database, now=after(minutes=minute))
        database.rows(
            "select change_breaker('actions_service', 'closed', %s, null, null)",
            (after(minutes=minute),),
        )
    openings = state(database)["openings"]
    assert len(openings) == 20
    assert [o["opened_at"] for o in openings] == sorted(
        (o["opened_at"] for o in openings), reverse=True
    )


def test_an_unknown_service_is_null(database: TestDatabase) -> None:
    """It raises nothing, and reads nothing."""
    assert database.value("select service_state('mail_service', null)") is None
