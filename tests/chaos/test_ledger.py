"""The ledger's proofs tell what is wrong from what only looks so."""

from __future__ import annotations

from tests.chaos.ledger import effects_begun_while_paused, unexplained_overlaps
from tests.chaos.workload import Pause
from tests.e2e.local_stack import Json

LEASE = 20.0


def _write(account: str, key: str, fence: int, started: float, ended: float) -> Json:
    return {
        "operation": "updateBio", "account": account, "key": key, "fence": fence, "startedAt": started, "endedAt": ended, "status": 202,
        "fault": None, "bodyHash": key,
    }  # fmt: skip


def test_two_writes_at_once_are_an_overlap() -> None:
    """Different keys, one account, the first one's fence just drawn: the lock did not hold (I4)."""
    one, other = _write("a", "w:1", 1, 100, 103), _write("a", "w:2", 2, 101, 102)
    assert unexplained_overlaps([one, other], LEASE) == ([(one, other)], 0)
    assert unexplained_overlaps([one, {**other, "account": "b"}], LEASE) == ([], 0)


def test_a_write_that_outlived_its_lease_may_be_overtaken() -> None:
    """Another write with a higher fence shows that the first one's was drawn more than a lease ago."""
    one, other = _write("a", "w:1", 1, 100, 103), _write("a", "w:2", 9, 101, 102)
    assert unexplained_overlaps([one, other, _write("b", "x:1", 2, 81, 82)], LEASE) == ([], 1)
    assert unexplained_overlaps([one, other, _write("b", "x:1", 2, 82, 83)], LEASE) == ([(one, other)], 0)


def test_a_write_sent_again_is_the_same_write() -> None:
    """The first answer was late and its request was sent again: neither that nor what follows its answer is an overlap."""
    late, again, following = _write("a", "w:1", 1, 100, 106), _write("a", "w:1", 2, 104, 104.1), _write("a", "w:3", 3, 104.5, 105)
    assert unexplained_overlaps([late, again, following], LEASE) == ([], 0)


def test_an_effect_begun_while_paused_is_found() -> None:
    """Unless its fence was drawn before the pause was acknowledged: then it was begun before, and thawed too late (I7)."""
    pause = Pause(account="a", acknowledged=100, ended=110)
    sent = _write("a", "w:1", 5, 105, 106)
    assert effects_begun_while_paused([sent], [pause]) == ([sent], 0)
    assert effects_begun_while_paused([sent, _write("b", "x:1", 6, 99, 100)], [pause]) == ([], 1)
    assert effects_begun_while_paused([_write("a", "w:1", 5, 99, 106)], [pause]) == ([], 0)
