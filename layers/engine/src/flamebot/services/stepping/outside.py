"""What an invocation waits for: questions are asked on the threads of a pool, answers are heard by the one thread that decides."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any


@dataclass(frozen=True, slots=True)
class _Question:
    ask: Callable[[], Any]
    then: Callable[[Any], object] | None
    broken: Callable[[Exception], None]


class Outside:
    """Asks side by side, hears one after the other: whoever asked shares nothing with the threads but questions and answers.

    A thread that has its answer takes the next question without being woken, and calls another thread first if more are left:
    a hundred calls that wait have a hundred threads, a hundred that answer at once have one or two.
    """

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        """Nothing is asked yet."""
        self._pool = pool
        self._asked: deque[_Question] = deque()
        self._answers: SimpleQueue[tuple[_Question, Any, BaseException | None]] = SimpleQueue()
        self._guard = Lock()
        self._coming = False
        self.open = 0  # questions whose end was not heard yet
        self.awaited = 0  # those among them that somebody does something with

    def ask(
        self,
        question: Callable[[], Any],
        then: Callable[[Any], object] | None = None,
        *,
        broken: Callable[[Exception], None],
    ) -> None:
        """Ask on a thread; `then` is called with the answer when it is heard, or `broken` with the error. First asked, first begun."""
        self.open += 1
        self.awaited += then is not None
        self._asked.append(_Question(question, then, broken))
        self._call_a_thread()

    def hear(self, seconds: float | None) -> bool:
        """Hear the next answer, if there is one within so many wall-clock seconds. Raises only what ends a process."""
        try:
            question, answer, error = self._answers.get(timeout=seconds)
        except Empty:
            return False
        self.open -= 1
        self.awaited -= question.then is not None
        if isinstance(error, Exception):
            question.broken(error)
        elif error is not None:
            raise error
        elif question.then is not None:
            question.then(answer)
        return True

    def _call_a_thread(self) -> None:
        with self._guard:
            if self._coming or not self._asked:
                return
            self._coming = True
        try:
            self._pool.submit(self._work)
        except RuntimeError:  # no thread more is to be had
            self._coming = False
            raise

    def _work(self) -> None:
        with self._guard:
            self._coming = False
        while self._asked:
            try:
                question = self._asked.popleft()
            except IndexError:
                return  # another thread was faster
            with suppress(RuntimeError):  # then this thread takes them all
                self._call_a_thread()
            try:
                self._answers.put((question, question.ask(), None))
            except Exception as error:  # noqa: BLE001  # whoever asked hears of it
                self._answers.put((question, None, error))
            except BaseException as error:
                self._answers.put((question, None, error))
                raise
