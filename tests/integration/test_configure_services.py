"""configure_services sets the thresholds of both breakers."""

from __future__ import annotations

from tests.support.builders import after
from tests.support.databases import TestDatabase
from tests.support.services import opened, record, service


def test_thresholds_are_those_of_the_deployment(database: TestDatabase) -> None:
    """The number, the share, the probe interval and the ramp."""
    database.rows("select configure_services(60, 5, 0.9, 2)")
    assert record(database, unknown=4)["state"] == "closed"
    assert record(database, answered=1)["state"] == "closed"
    row = record(database, unknown=5)
    assert (row["state"], row["next_slot_at"]) == ("open", after(minutes=1))
    assert record(database, answered=1)["slots_per_second"] == 2


def test_they_leave_an_open_breaker_as_it_is(database: TestDatabase) -> None:
    """A deployment during an outage changes its probes from the next opening on."""
    before = opened(database)
    database.rows("select configure_services(60, 5, 0.9, 2)")
    assert service(database)["slots_per_second"] == before["slots_per_second"]
    assert service(database)["state"] == "open"
