"""`wait`: nothing happens until its delay is over."""

from __future__ import annotations

from flamebot.domain.action import Transition
from tests.unit.actions.builders import issues_of, pure


def test_a_wait_leads_to_the_step_after_it() -> None:
    """It has no target and counts nothing."""
    assert pure("wait", delay="1h").transition("step", {"loop": 3}) == Transition()
    assert pure("wait").targets() == ((), True)


def test_a_delay_is_never_negative() -> None:
    """It is a duration or a range of durations."""
    for delay in (-1, "-1s", "soon", {"min": 2, "max": 1}, None, True):
        assert [issue.pointer for issue in issues_of("wait", delay=delay)] == ["/delay"], delay
