"""Decisions are committed together, and one that is refused takes no other with it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from flamebot.services.stepping.commit_group import CommitGroup

from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.errors import FlamebotError, StoreUnavailable
from tests.unit.services.stand_ins import CommitStore, HandClock, ListTelemetry


def item(name: str) -> CommitItem:
    """A decision to commit; what it says does not matter here."""
    return CommitItem(
        task_id=name, fence=1, decision=Decision(task=None, instance=InstanceWrite(current_step=0))
    )


def group(
    store: CommitStore, clock: HandClock | None = None, told: list[list[str]] | None = None
) -> CommitGroup:
    """A group whose invocation has 30 seconds left."""
    clock = clock or HandClock()

    def committed(answers: Sequence[Committed]) -> None:
        if told is not None:
            told.append([answer.task_id for answer in answers])

    return CommitGroup(
        store,  # type: ignore[arg-type]  # only commit_tasks is called
        clock,
        ListTelemetry(),
        committed=committed,
        remaining=lambda: 30 - clock.elapsed,
    )


def accepted(items: Sequence[CommitItem]) -> list[Committed]:
    """All are accepted."""
    return [Committed(task_id=i.task_id, accepted=True) for i in items]


def test_decisions_are_committed_in_one_call_and_told_after_it() -> None:
    """One statement for all of them; what it queued can be sent right after it."""
    store, told = CommitStore(), list[list[str]]()
    answers = group(store, told=told).commit([item("a"), item("b")])
    assert [answer and answer.accepted for answer in answers] == [True, True]
    assert store.batches == told == [["a", "b"]]


def test_nothing_to_commit_is_no_call() -> None:
    """A tick that took nothing over asks the database for nothing."""
    store = CommitStore()
    assert group(store).commit([]) == []
    assert store.batches == []


def test_a_refused_batch_is_split_down_to_one() -> None:
    """One decision that the database refuses is left to its lease; its siblings are kept."""

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        if any(i.task_id == "bad" for i in items):
            raise FlamebotError("check constraint")
        return accepted(items)

    answers = group(CommitStore(rule)).commit([item(name) for name in ("a", "b", "bad", "c", "d")])
    assert [answer and answer.task_id for answer in answers] == ["a", "b", None, "c", "d"]


def test_what_is_not_answered_is_stale() -> None:
    """Whoever holds a newer fence has the task now."""
    (answer,) = group(CommitStore(lambda _: [])).commit([item("a")])
    assert answer == Committed(task_id="a", accepted=False)


def test_a_database_that_comes_back_gets_the_commit_again() -> None:
    """The effect has happened: its commit is repeated, not the effect."""
    failures = [StoreUnavailable(), StoreUnavailable()]

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        if failures:
            raise failures.pop()
        return accepted(items)

    clock = HandClock()
    (answer,) = group(CommitStore(rule), clock).commit([item("a")])
    assert answer is not None
    assert answer.accepted
    assert clock.slept == [0.2, 0.4]


def test_a_database_that_stays_away_leaves_the_end_unknown() -> None:
    """With the invocation's time the tries end, and the task is left to its lease."""

    def rule(_: Sequence[CommitItem]) -> list[Committed]:
        raise StoreUnavailable

    clock, told = HandClock(), list[list[str]]()
    assert group(CommitStore(rule), clock, told).commit([item("a")]) == [None]
    assert clock.elapsed <= 25
    assert told == []


def test_a_kill_is_nobodys_to_swallow() -> None:
    """An invocation that is killed inside a commit ends there."""

    class Killed(BaseException):
        pass

    def rule(_: Sequence[CommitItem]) -> list[Committed]:
        raise Killed

    with pytest.raises(Killed):
        group(CommitStore(rule)).commit([item("a")])
