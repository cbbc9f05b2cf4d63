"""The verdict reports what is wrong and accepts what only looks wrong."""

from __future__ import annotations

import pytest

from tests.e2e.local_stack import Json
from tests.e2e.proof import effect_issues
from verification.chaos.ledger import effects_begun_while_paused, unexplained_overlaps
from verification.chaos.pace import SMOKE, long_pace
from verification.chaos.workload import Pause

LEASE = 20.0


def _write(account: str, key: str, fence: int, started: float, ended: float) -> Json:
    return {
        "operation": "updateBio",
        "account": account,
        "key": key,
        "fence": fence,
        "startedAt": started,
        "endedAt": ended,
        "status": 202,
        "fault": None,
        "bodyHash": key,
    }


def test_two_writes_at_once_are_an_overlap() -> None:
    """I4: two writes for one account with different keys and live leases are an overlap."""
    one, other = _write("a", "w:1", 1, 100, 103), _write("a", "w:2", 2, 101, 102)
    assert unexplained_overlaps([one, other], LEASE) == ([(one, other)], 0)
    assert unexplained_overlaps([one, {**other, "account": "b"}], LEASE) == ([], 0)


def test_a_write_that_outlived_its_lease_may_be_overtaken() -> None:
    """A write whose lease had expired may be overtaken.

    A later write's higher fence proves the expiry.
    """
    one, other = _write("a", "w:1", 1, 100, 103), _write("a", "w:2", 9, 101, 102)
    assert unexplained_overlaps([one, other, _write("b", "x:1", 2, 81, 82)], LEASE) == ([], 1)
    assert unexplained_overlaps([one, other, _write("b", "x:1", 2, 82, 83)], LEASE) == (
        [(one, other)],
        0,
    )


def test_a_write_sent_again_is_the_same_write() -> None:
    """A repetition under the same key is the same write: it overlaps nothing."""
    late, again, following = (
        _write("a", "w:1", 1, 100, 106),
        _write("a", "w:1", 2, 104, 104.1),
        _write("a", "w:3", 3, 104.5, 105),
    )
    assert unexplained_overlaps([late, again, following], LEASE) == ([], 0)


def test_an_effect_begun_while_paused_is_found() -> None:
    """I7: an effect that began while paused is reported, unless its fence is older."""
    pause = Pause(account="a", acknowledged=100, ended=110)
    sent = _write("a", "w:1", 5, 105, 106)
    assert effects_begun_while_paused([sent], [pause]) == ([sent], 0)
    assert effects_begun_while_paused([sent, _write("b", "x:1", 6, 99, 100)], [pause]) == ([], 1)
    assert effects_begun_while_paused([_write("a", "w:1", 5, 99, 106)], [pause]) == ([], 0)


def _job(key: str, operation: str = "updateBio") -> Json:
    return {"account": "a", "key": key, "operation": operation, "status": "succeeded"}


@pytest.mark.parametrize(
    ("jobs", "writes", "issue"),
    [
        ([_job("w:2")], [_write("a", "w:2", 1, 1, 2), _write("a", "w:2", 2, 3, 4)], None),
        ([], [], "a had the effects [] instead of ['updateBio']"),
        (
            [_job("w:2"), _job("w:4")],
            [],
            "a had the effects ['updateBio', 'updateBio'] instead of ['updateBio']",
        ),
        ([_job("w:2"), _job("w:2")], [], "w:2 had 2 effects"),
        ([_job("v:2")], [], "v:2 is no task of w"),
        ([_job("w:3")], [], "w:3 belongs to no task that submits"),
        (
            [_job("w:2")],
            [_write("a", "w:2", 1, 1, 2), _write("a", "w:2", 2, 3, 4) | {"bodyHash": "x"}],
            "w:2 came with 2 different requests",
        ),
    ],
    ids=[
        "all is well",
        "none",
        "one too many",
        "twice under one key",
        "another's key",
        "no submit's key",
        "another body",
    ],
)
def test_an_effect_too_few_too_many_or_changed_is_found(
    jobs: list[Json], writes: list[Json], issue: str | None
) -> None:
    """I5: an effect that is missing, doubled, or changed in its body is reported."""
    issues = effect_issues(
        {"jobs": jobs, "writes": writes}, {"a": "w"}, {"a": ["updateBio"]}, {"w:2", "w:4"}
    )
    assert issues == [] if issue is None else issue in issues


def test_a_run_in_which_too_little_was_struck_does_not_count() -> None:
    """A run counts only with evidence of every kind of strike and with work left at the end."""
    enough = dict(SMOKE.least)
    assert SMOKE.missing(enough, at_work=True) == []
    assert SMOKE.missing(enough, at_work=False) == ["no work was left when the strikes ended"]
    assert SMOKE.missing({**enough, "freeze step": 0}, at_work=True) == ["freeze step: 0 of 1"]
    small, large = long_pace(100).least, long_pace(12_000).least
    assert small.keys() == large.keys()
    assert all(1 <= small[what] <= large[what] for what in large)
    assert sum(large[kind] for kind in large if kind.startswith("kill")) >= 300
    assert sum(large[kind] for kind in large if kind.startswith("freeze")) >= 100
    assert large["restart postgres"] >= 80
