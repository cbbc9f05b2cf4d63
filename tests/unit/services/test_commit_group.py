"""Decisions are committed as they arrive, and one that is refused takes no other with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.errors import FlamebotError, StoreUnavailable
from flamebot.ports.store import CommitItem, Committed
from flamebot.services import commit_group
from flamebot.services.commit_group import CommitGroup
from tests.unit.services.stand_ins import CommitStore, HandClock, ListTelemetry, pointer


def item(name: str) -> CommitItem:
    """A decision to commit; what it says does not matter here."""
    return CommitItem(task_id=name, fence=1, decision=Decision(task=None, instance=InstanceWrite(current_step=0)))


def group(store: CommitStore, clock: HandClock | None = None, told: list[list[str]] | None = None) -> CommitGroup:
    """A group whose invocation has 30 seconds left."""
    clock = clock or HandClock()

    def committed(answers: Sequence[Committed]) -> None:
        if told is not None:
            told.append([answer.task_id for answer in answers])

    return CommitGroup(store, clock, ListTelemetry(), committed=committed, remaining=lambda: 30 - clock.elapsed)  # type: ignore[arg-type]  # only commit_tasks is called


def accepted(items: Sequence[CommitItem]) -> list[Committed]:
    """All are accepted."""
    return [Committed(task_id=i.task_id, accepted=True) for i in items]


def test_a_lone_decision_is_committed_at_once() -> None:
    """Nothing waits for company."""
    store, told = CommitStore(), list[list[str]]()
    answer = group(store, told=told).commit(item("a"))
    assert answer is not None
    assert answer.accepted
    assert store.batches == told == [["a"]]


def test_those_that_wait_are_committed_together() -> None:
    """While one commit is in flight the others gather, and go as one."""
    first_is_in, go_on = threading.Event(), threading.Event()

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        if items[0].task_id == "first":
            first_is_in.set()
            assert go_on.wait(5)
        return accepted(items)

    store = CommitStore(rule)
    commits = group(store)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(commits.commit, item("first"))
        assert first_is_in.wait(5)
        others = [pool.submit(commits.commit, item(name)) for name in "abc"]
        while len(commits._open.entries) < 3:
            threading.Event().wait(0.001)
        go_on.set()
        assert all(future.result(5) for future in [first, *others])
    assert [sorted(batch) for batch in store.batches] == [["first"], ["a", "b", "c"]]


def test_who_is_about_to_arrive_is_waited_for() -> None:
    """While others compute, a commit waits for their decisions: all go as one."""
    store = CommitStore(accepted)
    commits = group(store)
    commits.expect(3)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(commits.commit, item("a"))
        assert not wait([first], 0.005).done
        others = [pool.submit(commits.commit, item(name)) for name in "bc"]
        assert all(future.result(5) for future in [first, *others])
    assert [sorted(batch) for batch in store.batches] == [["a", "b", "c"]]


def test_who_waits_for_the_outside_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sibling that waits for an answer from the outside, or has ended, holds nobody up."""
    monkeypatch.setattr("flamebot.services.commit_group._GATHERING_SECONDS", 5.0)
    store = CommitStore(accepted)
    commits = group(store)
    commits.expect(3)
    commits.leave()
    began = time.monotonic()
    with commits.outside():
        assert commits.commit(item("a"))
    assert store.batches == [["a"]]
    assert time.monotonic() - began < 4


def test_nobody_is_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sibling that does not arrive costs a moment; its decision goes alone, later."""
    monkeypatch.setattr("flamebot.services.commit_group._GATHERING_SECONDS", 0.001)
    store = CommitStore(accepted)
    commits = group(store)
    commits.expect(2)
    assert commits.commit(item("a"))
    assert commits.commit(item("b"))
    assert store.batches == [["a"], ["b"]]


def test_a_wait_is_no_longer_than_a_step_can_bear() -> None:
    """What is gathered for is far below a second, and nothing that a lone task waits for."""
    assert commit_group._GATHERING_SECONDS <= 0.05


def test_who_waited_for_a_leader_that_died_is_told_nothing() -> None:
    """I4: if the thread that commits for others breaks, the end of their commits is not known to them either."""
    first_is_in, go_on = threading.Event(), threading.Event()

    class Broken(BaseException):
        """As a process that is ended in the middle."""

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        if items[0].task_id == "first":
            first_is_in.set()
            assert go_on.wait(5)
            return accepted(items)
        raise Broken

    commits = group(CommitStore(rule))
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(commits.commit, item("first"))
        assert first_is_in.wait(5)
        others = [pool.submit(commits.commit, item(name)) for name in "ab"]
        while len(commits._open.entries) < 2:
            threading.Event().wait(0.001)
        go_on.set()
        assert first.result(5)
        ends = [future.exception(5) or future.result() for future in others]
    assert sorted(type(end).__name__ for end in ends) == ["Broken", "NoneType"]


def test_nothing_to_commit_is_no_call() -> None:
    """A tick that took nothing over asks the database for nothing."""
    store = CommitStore()
    assert group(store).commit_all([]) == []
    assert store.batches == []


def test_a_refused_batch_is_split_down_to_one() -> None:
    """One decision that the database refuses is left to its lease; its siblings are kept."""

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        if any(i.task_id == "bad" for i in items):
            raise FlamebotError("check constraint")
        return accepted(items)

    answers = group(CommitStore(rule)).commit_all([item(name) for name in ("a", "b", "bad", "c", "d")])
    assert [answer and answer.task_id for answer in answers] == ["a", "b", None, "c", "d"]


def test_what_is_not_answered_is_stale() -> None:
    """Whoever holds a newer fence has the task now."""
    answer = group(CommitStore(lambda _: [])).commit(item("a"))
    assert answer == Committed(task_id="a", accepted=False)


def test_a_database_that_comes_back_gets_the_commit_again() -> None:
    """The effect has happened: its commit is repeated, not the effect."""
    failures = [StoreUnavailable(), StoreUnavailable()]

    def rule(items: Sequence[CommitItem]) -> list[Committed]:
        if failures:
            raise failures.pop()
        return accepted(items)

    clock = HandClock()
    answer = group(CommitStore(rule), clock).commit(item("a"))
    assert answer is not None
    assert answer.accepted
    assert clock.slept == [0.2, 0.4]


def test_a_database_that_stays_away_leaves_the_end_unknown() -> None:
    """With the invocation's time the tries end, and the task is left to its lease."""

    def rule(_: Sequence[CommitItem]) -> list[Committed]:
        raise StoreUnavailable

    clock, told = HandClock(), list[list[str]]()
    assert group(CommitStore(rule), clock, told).commit(item("a")) is None
    assert clock.elapsed <= 25
    assert told == []


def test_a_kill_is_nobodys_to_swallow() -> None:
    """An invocation that is killed inside a commit ends there, and those that waited do not hang."""

    class Killed(BaseException):
        pass

    def rule(_: Sequence[CommitItem]) -> list[Committed]:
        raise Killed

    with pytest.raises(Killed):
        group(CommitStore(rule)).commit(item(pointer().task_id))
