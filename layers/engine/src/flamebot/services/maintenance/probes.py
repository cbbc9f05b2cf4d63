"""Ask several questions at once, and wait for the answers no longer than one may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Thread
from typing import Any

from flamebot.ports.clock import Clock

Question = Callable[[], object]  # raises if there is nothing good to answer


class NoAnswerInTime(Exception):
    """Whoever was asked hangs: it neither answered nor refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a value, or an error."""

    value: Any = None
    error: Exception | None = None


Ask = Callable[[Mapping[str, Question]], dict[str, Answer]]


def ask_in_turn(questions: Mapping[str, Question]) -> dict[str, Answer]:
    """Ask one after the other, for whoever has the time to wait."""
    return {name: _answer(question) for name, question in questions.items()}


class AskInTime:
    """Asks each question in a thread of its own. One that hangs is left behind, and asked no second time until it has ended.

    For one caller at a time, as an execution environment has.
    """

    def __init__(self, seconds: float, clock: Clock) -> None:
        """Wait for so many wall-clock seconds for all answers together."""
        self._seconds = seconds
        self._clock = clock
        self._asked: dict[str, _Asked] = {}

    def __call__(self, questions: Mapping[str, Question]) -> dict[str, Answer]:
        """Every question's answer; `NoAnswerInTime` for those that have none yet."""
        give_up = self._clock.monotonic() + self._seconds
        for name, question in questions.items():
            earlier = self._asked.get(name)
            if earlier is None or not earlier.thread.is_alive():
                self._asked[name] = _Asked(question)
        return {
            name: self._asked[name].answer(give_up - self._clock.monotonic()) for name in questions
        }


class _Asked:
    def __init__(self, question: Question) -> None:
        self._answers: list[Answer] = []
        self.thread = Thread(
            target=lambda: self._answers.append(_answer(question)), name="health", daemon=True
        )
        self.thread.start()

    def answer(self, seconds: float) -> Answer:
        self.thread.join(max(0.0, seconds))
        return self._answers[0] if self._answers else Answer(error=NoAnswerInTime())


def _answer(question: Question) -> Answer:
    try:
        return Answer(value=question())
    except Exception as error:  # noqa: BLE001  # whatever it is, it is an answer
        return Answer(error=error)
