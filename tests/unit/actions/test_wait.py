"""`wait`: nothing until its delay is over."""

from __future__ import annotations

from flamebot.domain.action import Passage
from tests.unit.actions.builders import flaws_of, pure


def test_a_wait_leads_to_the_step_after_it() -> None:
    """And counts nothing."""
    assert pure("wait", delay="1h").passage("step", {"loop": 3}) == Passage()
    assert pure("wait").targets() == ((), True)


def test_a_delay_is_never_negative() -> None:
    """Nor anything but a duration or a range."""
    for delay in (-1, "-1s", "soon", {"min": 2, "max": 1}, None, True):
        assert [flaw.pointer for flaw in flaws_of("wait", delay=delay)] == ["/delay"], delay
