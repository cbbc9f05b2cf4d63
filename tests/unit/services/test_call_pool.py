"""Calls run side by side on worker threads; results arrive on the one thread that asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from flamebot.services.stepping.call_pool import CallPool
from tests.unit.services.stand_ins import HandClock

THREADS = 8
Pool = CallPool[str, object]


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """As many threads as a function may have."""
    with ThreadPoolExecutor(THREADS) as threads:
        yield threads


def pool_of(threads: ThreadPoolExecutor) -> Pool:
    """Return a pool on these threads."""
    return CallPool(threads, HandClock())


def all_results(pool: Pool) -> list[tuple[str, object]]:
    """Receive the results of all open calls."""
    results: list[tuple[str, object]] = []
    while pool.open:
        before = pool.open
        results += pool.completed(5)
        assert pool.open < before, "a call never returned"
    return results


def test_calls_that_block_all_block_at_once(threads: ThreadPoolExecutor) -> None:
    """Each call gets a thread while there are some: none waits for another's result."""
    pool, all_submitted, all_here = pool_of(threads), threading.Event(), threading.Barrier(THREADS)
    for _ in range(THREADS):
        threads.submit(all_submitted.wait, 5)
    for _ in range(THREADS):
        pool.submit("call", partial(all_here.wait, 3))
    all_submitted.set()
    assert all(isinstance(result, int) for _, result in all_results(pool))


def test_more_calls_than_threads_all_return(threads: ThreadPoolExecutor) -> None:
    """A thread that has finished takes the next call, also one submitted while all were busy."""
    pool = pool_of(threads)
    for number in range(500):
        pool.submit("call", partial(int, number))
    assert sorted(str(result) for _, result in all_results(pool)) == sorted(map(str, range(500)))


def test_calls_that_return_at_once_wake_few_threads(threads: ThreadPoolExecutor) -> None:
    """Waking a thread costs more than such a call, so a finished thread takes the next itself."""
    all_submitted, woken = threading.Event(), list[int]()

    class Counting(ThreadPoolExecutor):
        def submit(self, *arguments: object, **named: object) -> object:  # type: ignore[override]  # passed on as it is
            woken.append(1)
            return threads.submit(*arguments, **named)  # type: ignore[arg-type]

    pool = pool_of(Counting(1))
    pool.submit("first", partial(all_submitted.wait, 5))
    for _ in range(200):
        pool.submit("call", lambda: None)
    all_submitted.set()
    all_results(pool)
    assert len(woken) < 100


def test_one_thread_runs_all_calls_if_no_other_can_start() -> None:
    """A machine may refuse another thread: no call is lost because of that."""
    loop_thread, all_submitted = threading.get_ident(), threading.Event()

    class Scarce(ThreadPoolExecutor):
        def submit(self, *arguments: object, **named: object) -> object:  # type: ignore[override]  # passed on as it is
            if threading.get_ident() != loop_thread:
                raise RuntimeError("can't start new thread")
            return super().submit(*arguments, **named)  # type: ignore[arg-type]

    with Scarce(1) as single:
        # The thread is busy until all calls are queued, so its first call finds others waiting.
        single.submit(all_submitted.wait, 5)
        pool = pool_of(single)
        for number in range(9):
            pool.submit("call", partial(int, number))
        all_submitted.set()
        results = [result for _, result in all_results(pool)]
    assert sorted(map(str, results)) == sorted(map(str, range(9)))


def test_calls_start_in_the_order_of_submission() -> None:
    """A message that is to be sent does not wait behind calls that were submitted later."""
    started: list[str] = []
    with ThreadPoolExecutor(1) as single:
        pool = pool_of(single)
        for name in "abc":
            pool.submit(name, partial(started.append, name))
        all_results(pool)
    assert started == ["a", "b", "c"]


def test_results_arrive_on_the_thread_that_asks(threads: ThreadPoolExecutor) -> None:
    """A call runs on a worker thread, and its result is handled by the loop's thread."""
    pool = pool_of(threads)
    pool.submit("call", threading.get_ident)
    ((key, worker),) = all_results(pool)
    assert (key, worker != threading.get_ident()) == ("call", True)


def test_the_wait_for_a_result_is_bounded(threads: ThreadPoolExecutor) -> None:
    """Without a result in time the call stays open."""
    pool, ended = pool_of(threads), threading.Event()
    pool.submit("call", partial(ended.wait, 5))
    assert list(pool.completed(0.001)) == []
    assert pool.open == 1
    ended.set()
    assert all_results(pool) == [("call", True)]


def test_without_open_calls_the_wait_is_slept() -> None:
    """The loop waits for the next due time in the same place as for results."""
    clock = HandClock()
    with ThreadPoolExecutor(1) as single:
        assert list(CallPool[str, object](single, clock).completed(1.5)) == []
    assert clock.slept == [1.5]


def test_an_unexpected_call_is_open_and_delays_nothing(threads: ThreadPoolExecutor) -> None:
    """A release delays no commit, but the invocation does not end before it has returned."""
    pool = pool_of(threads)
    pool.submit(None, lambda: None, expected=False)
    pool.submit("call", lambda: None)
    assert (pool.open, pool.expected) == (2, 1)
    assert [key for key, _ in all_results(pool)] == ["call"]
    assert (pool.open, pool.expected) == (0, 0)


@pytest.mark.parametrize("expected", [True, False])
def test_an_error_is_the_result_of_its_call(threads: ThreadPoolExecutor, expected: bool) -> None:
    """The other calls return as if nothing had happened."""

    def failing() -> None:
        raise RuntimeError

    pool = pool_of(threads)
    pool.submit("bad", failing, expected=expected)
    pool.submit("good", lambda: 1)
    results = dict(all_results(pool))
    assert (type(results["bad"]), results["good"]) == (RuntimeError, 1)
    assert pool.expected == 0


def test_a_kill_in_a_worker_thread_ends_the_loop(threads: ThreadPoolExecutor) -> None:
    """What ends a process must not end only a worker thread."""

    def killed() -> None:
        raise KeyboardInterrupt

    pool = pool_of(threads)
    pool.submit("call", killed)
    with pytest.raises(KeyboardInterrupt):
        list(pool.completed(5))
    pool.submit("next", lambda: None)
    assert all_results(pool) == [("next", None)]
