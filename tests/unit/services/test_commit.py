"""Decisions are committed in one statement, and a refused one fails no other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.errors import FlamebotError, StoreUnavailable
from flamebot.domain.ids import TaskId
from flamebot.services.stepping.commit import CommitResult, Committer
from flamebot.services.time_budget import TimeBudget
from tests.unit.services.stand_ins import CommitStore, HandClock, ListTelemetry, pointer


def item(name: str) -> CommitItem:
    """Return a decision to commit; its content does not matter here."""
    return CommitItem(
        task_id=TaskId(name),
        fence=1,
        decision=Decision(task=None, instance=InstanceWrite(current_step=0)),
    )


def committer(store: CommitStore, clock: HandClock | None = None) -> Committer:
    """Return a committer whose invocation has 30 seconds left."""
    clock = clock or HandClock()
    budget = TimeBudget(lambda: 30 - clock.elapsed)
    return Committer(store, clock, ListTelemetry(), budget=budget)


def accepted(items: Sequence[CommitItem]) -> list[Committed]:
    """Return an accepted result per item."""
    return [Committed(task_id=i.task_id, accepted=True) for i in items]


def test_decisions_are_committed_in_one_call() -> None:
    """One statement commits all of them."""
    store = CommitStore()
    results = committer(store).commit([item("a"), item("b")]).results
    assert [result and result.accepted for result in results] == [True, True]
    assert store.batches == [["a", "b"]]


def test_a_commit_returns_what_to_send() -> None:
    """The tasks that a commit queued are returned once it has been made."""
    queued = pointer(9)

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        return [
            Committed(task_id=i.task_id, accepted=True, send=queued if i.task_id == "a" else None)
            for i in items
        ]

    assert committer(CommitStore(rule)).commit([item("a"), item("b")]).to_send == [queued]


def test_nothing_to_commit_is_no_call() -> None:
    """A tick that reclaimed nothing makes no commit call."""
    store = CommitStore()
    assert committer(store).commit([]) == CommitResult([], [])
    assert store.batches == []


def test_a_refused_batch_is_split_down_to_one() -> None:
    """A decision that the database refuses is left to its lease; the others are committed."""

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        if any(i.task_id == "bad" for i in items):
            raise FlamebotError("check constraint")
        return accepted(items)

    items = [item(name) for name in ("a", "b", "bad", "c", "d")]
    results = committer(CommitStore(rule)).commit(items).results
    assert [result and result.task_id for result in results] == ["a", "b", None, "c", "d"]


def test_an_item_without_a_result_is_stale() -> None:
    """Another invocation has a newer fence of the task."""
    (result,) = committer(CommitStore(lambda _: [])).commit([item("a")]).results
    assert result == Committed(task_id=TaskId("a"), accepted=False)


def test_a_commit_is_repeated_until_the_database_is_back() -> None:
    """The effect has happened: its commit is repeated, not the effect."""
    failures = [StoreUnavailable(), StoreUnavailable()]

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        if failures:
            raise failures.pop()
        return accepted(items)

    clock = HandClock()
    (result,) = committer(CommitStore(rule), clock).commit([item("a")]).results
    assert result is not None
    assert result.accepted
    assert clock.slept == [0.2, 0.4]


def test_a_database_that_stays_down_leaves_the_commit_unknown() -> None:
    """The tries end with the invocation's time, and the task is left to its lease."""

    def rule(_: Sequence[CommitItem]) -> list[Committed]:
        raise StoreUnavailable

    clock = HandClock()
    commit = committer(CommitStore(rule), clock).commit([item("a")])
    assert commit == CommitResult([None], [])
    assert clock.elapsed <= 25


def test_a_kill_ends_the_commit() -> None:
    """An invocation that is killed inside a commit ends there."""

    class Killed(BaseException):
        pass

    def rule(_: Sequence[CommitItem]) -> list[Committed]:
        raise Killed

    with pytest.raises(Killed):
        committer(CommitStore(rule)).commit([item("a")])
