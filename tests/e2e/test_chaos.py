"""Real processes are killed, frozen and disconnected under load: no work is lost or repeated.

It is the short version of `make chaos`: every kind of strike once or twice.
"""

from __future__ import annotations

import pytest

from verification.chaos.pace import SMOKE
from verification.chaos.run import Run

WORKFLOWS = 60


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_is_done_twice() -> None:
    """I1 to I6, I8, I9 and I11 hold under kills, freezes, restarts and losses."""
    result = Run(SMOKE, WORKFLOWS, seed="e2e", say=print).run()
    assert (result.end, result.issues, result.missing) == ("passed", [], []), result
