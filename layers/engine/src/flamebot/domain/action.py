"""What an action is to the planner: the face that every file in `flamebot.actions` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from flamebot.domain.instance import AccountData
from flamebot.domain.task import EffectRequest
from flamebot.domain.task_random import TaskRandom


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """How a pure step is passed: where to, and with which counters. `to` None: the step after it."""

    to: str | None = None
    iterations: Mapping[str, int] | None = None  # None: unchanged
    failure: str | None = None  # the step fails instead (a goto at its limit with onLimit fail)
    result: dict[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBrief:
    """What the writer is to write. Lengths in characters; `seed` makes the template writer deterministic."""

    kind: Literal["prompt", "bio"]
    model_id: str
    channel_id: str
    max_length: int
    seed: str


class PureAction(Protocol):
    """An action without an effect: waited out or jumped over, never called."""

    def transition(self, step_id: str, iterations: Mapping[str, int]) -> Transition:
        """Say where the flow goes once the step's delay is over."""
        ...

    def targets(self) -> tuple[tuple[str, ...], bool]:
        """The step ids it may jump to, and whether it may also fall through to the step after it."""
        ...


class EffectAction(Protocol):
    """An action that does something at the actions service, through a job that is polled to its end."""

    default_timeout: timedelta

    def text_brief(self, account: AccountData, seed: str) -> TextBrief | None:
        """The text to have written first; None when the step needs none or brings its own."""
        ...

    def request(self, account: AccountData, text: str | None, draw: TaskRandom) -> EffectRequest:
        """The whole write, numbers drawn, text in place."""
        ...

    def result(self, request: EffectRequest, job_result: Mapping[str, object]) -> dict[str, object]:
        """What the history and the context remember of a finished job."""
        ...


Action = PureAction | EffectAction
