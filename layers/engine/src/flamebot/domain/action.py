"""The interface of actions: what the planner calls, and what a file of `flamebot.actions` has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from flamebot.domain.endpoint import ActionEndpoint
from flamebot.domain.instance import AccountData
from flamebot.domain.task import EffectRequest
from flamebot.domain.task_random import TaskRandom
from flamebot.domain.text_issue import TextIssueKind
from flamebot.domain.text_kind import TextKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What passing a pure step does: the step to go to, and the counters of jumps afterwards."""

    to: str | None = None  # None: the next step of the definition
    iterations: Mapping[str, int] | None = None  # None: unchanged
    failure: str | None = None  # set: the step fails (a goto at its limit with onLimit fail)
    result: dict[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBrief:
    """What the writer is to write, and in whose voice.

    `seed` makes the template writer deterministic; it differs between attempts of a step.
    """

    kind: TextKind
    model_id: str
    channel_id: str
    seed: str
    issues: tuple[TextIssueKind, ...] = ()  # of the texts that were rejected before

    @property
    def max_length(self) -> int:
        """The most characters that the text may have."""
        return self.kind.max_length


class PureAction(Protocol):
    """An action without an effect: the planner passes its steps in memory and calls no service."""

    def transition(self, step_id: str, iterations: Mapping[str, int]) -> Transition:
        """Return where the workflow goes once the step's delay is over."""
        ...

    def targets(self) -> tuple[tuple[str, ...], bool]:
        """Return the step ids it may jump to, and whether it may continue with the next step."""
        ...


class EffectAction(Protocol):
    """An action that writes at the actions service; the service runs a job, which is polled."""

    default_timeout: timedelta
    endpoint: ActionEndpoint

    def text_brief(self, account: AccountData, seed: str) -> TextBrief | None:
        """Return the text to generate first; None if the step needs none or has its own."""
        ...

    def request(self, account: AccountData, text: str | None, random: TaskRandom) -> EffectRequest:
        """Return the complete write, with its random numbers and its text."""
        ...

    def result(self, request: EffectRequest, job_result: Mapping[str, object]) -> dict[str, object]:
        """Return what the history and the context keep of a finished job."""
        ...


Action = PureAction | EffectAction
