"""Questions are asked side by side, and their answers are heard one after the other by whoever decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flamebot.services.stepping import outside as module

THREADS = 8


class Outside(module.Outside):
    """Remembers what broke."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        super().__init__(pool)
        self.broke: list[Exception] = []

    def ask(  # type: ignore[override]  # `broken` is always the same here
        self, question: Callable[[], Any], then: Callable[[Any], object] | None = None
    ) -> None:
        super().ask(question, then, broken=self.broke.append)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """As many threads as a function may have."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool


def hear_all(outside: Outside) -> None:
    """Hear what was asked."""
    while outside.open:
        assert outside.hear(5), "a question was never answered"


def test_questions_that_wait_all_wait_at_once(pool: ThreadPoolExecutor) -> None:
    """Each takes a thread as long as there are some: none waits for another's answer."""
    outside, all_asked, all_here = Outside(pool), threading.Event(), threading.Barrier(THREADS)
    for _ in range(THREADS):
        pool.submit(all_asked.wait, 5)
    for _ in range(THREADS):
        outside.ask(lambda: all_here.wait(3))
    all_asked.set()
    hear_all(outside)
    assert outside.broke == []


def test_more_questions_than_threads_are_all_answered(pool: ThreadPoolExecutor) -> None:
    """Whoever is done takes the next one; what is asked while all are at work is not forgotten."""
    outside, heard = Outside(pool), list[int]()
    for number in range(500):
        outside.ask(lambda number=number: number, heard.append)  # type: ignore[misc]  # the number of this round
    hear_all(outside)
    assert sorted(heard) == list(range(500))


def test_questions_answered_at_once_wake_few_threads(pool: ThreadPoolExecutor) -> None:
    """A thread that has its answer takes the next question by itself: to wake a thread costs more than such an answer."""
    asked_all, woken = threading.Event(), list[int]()

    class Counting(ThreadPoolExecutor):
        def submit(self, *arguments: object, **named: object) -> object:  # type: ignore[override]  # passed on as it is
            woken.append(1)
            return pool.submit(*arguments, **named)  # type: ignore[arg-type]

    outside = Outside(Counting(1))
    outside.ask(lambda: asked_all.wait(5))
    for _ in range(200):
        outside.ask(lambda: None)
    asked_all.set()
    hear_all(outside)
    assert len(woken) < 100


def test_without_another_thread_the_one_there_is_answers_all(pool: ThreadPoolExecutor) -> None:
    """A machine may refuse a thread: no question is forgotten for it."""
    asker, heard = threading.get_ident(), list[int]()

    class Scarce(ThreadPoolExecutor):
        def submit(self, *arguments: object, **named: object) -> object:  # type: ignore[override]  # passed on as it is
            if threading.get_ident() != asker:
                raise RuntimeError("can't start new thread")
            return pool.submit(*arguments, **named)  # type: ignore[arg-type]

    outside, all_asked = Outside(Scarce(1)), threading.Event()
    outside.ask(lambda: all_asked.wait(5))
    for number in range(9):
        outside.ask(lambda number=number: number, heard.append)  # type: ignore[misc]  # the number of this round
    all_asked.set()
    hear_all(outside)
    assert sorted(heard) == list(range(9))


def test_the_first_asked_is_the_first_begun() -> None:
    """A message that is to be sent does not wait behind calls that were asked for after it."""
    with ThreadPoolExecutor(1) as single:
        outside, begun = Outside(single), list[str]()
        for name in "abc":
            outside.ask(lambda name=name: begun.append(name))  # type: ignore[misc]  # the name of this round
        hear_all(outside)
    assert begun == ["a", "b", "c"]


def test_an_answer_is_heard_where_it_is_decided(pool: ThreadPoolExecutor) -> None:
    """What follows an answer runs on the thread that hears it, so that deciding needs no locks."""
    outside, places = Outside(pool), list[tuple[int, int]]()
    outside.ask(threading.get_ident, lambda asked: places.append((asked, threading.get_ident())))
    hear_all(outside)
    ((asked, heard),) = places
    assert heard == threading.get_ident() != asked


def test_an_answer_is_waited_for_no_longer_than_asked(pool: ThreadPoolExecutor) -> None:
    """Meanwhile the question stays open."""
    outside, go_on = Outside(pool), threading.Event()
    outside.ask(lambda: go_on.wait(5))
    assert not outside.hear(0.001)
    assert outside.open == 1
    go_on.set()
    hear_all(outside)


def test_what_nobody_waits_for_is_open_all_the_same(pool: ThreadPoolExecutor) -> None:
    """A lock that is given back delays no commit, but the invocation does not end before it is."""
    outside = Outside(pool)
    outside.ask(lambda: None)
    outside.ask(lambda: None, lambda _: None)
    assert (outside.open, outside.awaited) == (2, 1)
    hear_all(outside)
    assert (outside.open, outside.awaited) == (0, 0)


@pytest.mark.parametrize("then", [None, print])
def test_who_asked_hears_of_a_question_that_broke(
    pool: ThreadPoolExecutor, then: Callable[[object], None] | None
) -> None:
    """Where the answer would have been heard; the others are heard as if nothing had been."""

    def question() -> None:
        raise RuntimeError

    outside, heard = Outside(pool), list[int]()
    outside.ask(question, then)
    outside.ask(lambda: 1, heard.append)
    hear_all(outside)
    assert [type(error) for error in outside.broke] == [RuntimeError]
    assert (heard, outside.awaited) == ([1], 0)


def test_a_kill_in_a_thread_is_a_kill(pool: ThreadPoolExecutor) -> None:
    """It must not end a thread that nobody looks at."""

    def question() -> None:
        raise KeyboardInterrupt

    outside = Outside(pool)
    outside.ask(question, lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        outside.hear(5)
    outside.ask(lambda: None)
    hear_all(outside)
