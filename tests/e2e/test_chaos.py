"""Real processes are killed, frozen and cut off while they work: no workflow is lost, no effect happens twice.

The small sister of `make chaos`: every kind of strike once or twice.
"""

from __future__ import annotations

import pytest

from verification.chaos.pace import SMOKE
from verification.chaos.run import Run

WORKFLOWS = 60


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_is_done_twice() -> None:
    """I1 to I6, I8, I9, I11, under SIGKILL, SIGSTOP past the lease, database restarts, lost queue, locks, statements and answers."""
    result = Run(SMOKE, WORKFLOWS, seed="e2e", say=print).run()
    assert (result.end, result.issues, result.missing) == ("passed", [], []), result
