"""The health checks of the services, and of workflows that fail together."""

from __future__ import annotations

from typing import Any

import pytest

from flamebot.services.maintenance.check import Check
from flamebot.services.maintenance.health_limits import evaluate
from tests.unit.services.test_check_health import HEALTHY, LIMITS, WELL, a_service, failed


def service_check(**fields: Any) -> Check:
    """Return the check of the actions service."""
    facts = HEALTHY | {"services": [a_service(**fields), a_service("ai_service")]}
    (found,) = (c for c in evaluate(facts, LIMITS) if c.name == "actions_service")
    return found


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("unanswered", "It does not respond. Nothing is to be done here"),
        ("throttled", "It accepts no more calls at this rate"),
        ("denied", "Mend the secret"),
    ],
)
def test_an_open_service_is_named_with_its_cause(reason: str, words: str) -> None:
    """Since when, how many tasks wait, the last failure, and advice that fits the cause."""
    found = service_check(
        state="open",
        reason=reason,
        held_back=812,
        per_second=1 / 15,
        calls=WELL | {"unknown": 3},
        last_failure="outcome_unknown: no response within 30 s",
    )
    assert (found.ok, found.urgent) == (False, False)
    assert "Open since 2030-01-01T12:00:00+00:00" in found.detail
    assert words in found.detail
    assert "812 tasks wait. 3 of 10 calls failed in the last minute." in found.detail
    assert found.detail.endswith("Last failure: outcome_unknown: no response within 30 s")


def test_a_service_that_a_person_opened_says_who_and_how_to_close_it() -> None:
    """The advice is a command that closes it."""
    found = service_check(
        state="open", is_manual=True, changed_by="ann", reason="their maintenance", held_back=4
    )
    assert not found.ok
    assert "ann opened it (their maintenance). 4 tasks wait." in found.detail
    assert "`flamebot services close actions_service`" in found.detail


@pytest.mark.parametrize(
    ("calls", "ok"),
    [
        ({"unknown": 7}, False),
        ({"throttled": 4, "denied": 3}, False),
        ({"unknown": 6}, True),
        ({"answered": 1, "unknown": 2}, True),
        ({"refused": 100}, True),
    ],
)
def test_half_of_the_calls_of_a_minute_fail_the_check(calls: dict[str, int], ok: bool) -> None:
    """Three failed calls at least; a refusal is a response."""
    assert service_check(calls=WELL | calls).ok is ok


def test_a_service_that_recovers_says_how_fast() -> None:
    """A ramp and a lowered rate are shown while they last."""
    ramp = service_check(state="half_open", per_second=20.0, held_back=9)
    assert ramp.ok
    assert "9 tasks are released at a growing rate, 20 a second now." in ramp.detail
    lowered = service_check(per_second=35.0, calls=WELL | {"throttled": 1}).detail
    assert "429 responses have lowered the rate to 35 a second" in lowered


def test_workflows_that_fail_for_one_reason_are_reported() -> None:
    """Ten within ten minutes, with the code and the command that lists them."""
    assert failed(failing={"code": "refused", "failed": 9}) == set()
    assert failed(failing={"code": "refused", "failed": 10}) == {"failing_workflows"}
    facts = HEALTHY | {"failing": {"code": "refused", "failed": 511}}
    (found,) = (c for c in evaluate(facts, LIMITS) if c.name == "failing_workflows")
    assert not found.urgent
    assert found.detail.startswith("511 workflows failed with refused in the last ten minutes.")
    assert "flamebot list --status failed --error refused" in found.detail
