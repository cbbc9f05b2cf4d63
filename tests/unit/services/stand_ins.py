"""Small ports in memory, for faults that must strike at one exact call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from flamebot.domain.action import TextBrief
from flamebot.domain.begun import Begun
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.ids import AccountId, DefinitionId, InstanceId, TaskId
from flamebot.domain.instance import AccountData, Instance, InstanceStatus
from flamebot.domain.message import TaskPointer
from flamebot.domain.service_call import CallCount
from flamebot.domain.task import EffectRequest, Payload, Phase, Task
from flamebot.ports.actions_service import AccountStatus, Job
from flamebot.ports.locks import Holder, LockAnswer, Verdict
from flamebot.ports.queue import Message
from flamebot.ports.writer import Written

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
INSTANCE = "6f1c2a34-0000-4000-8000-000000000001"


class HandClock:
    """A clock that moves only when a test sets it, or by `sleep`."""

    def __init__(self, *, rate: float = 1.0, scheduled: bool = False) -> None:
        self._rate = rate
        self._scheduled = scheduled
        self.elapsed = 0.0
        self.slept: list[float] = []

    @property
    def rate(self) -> float:
        return self._rate

    def now(self) -> datetime | None:
        return NOON + timedelta(seconds=self.elapsed * self._rate) if self._scheduled else None

    def wall(self) -> datetime:
        return NOON + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds


@dataclass
class ListTelemetry:
    """Keeps all counts, durations and log entries for a test to read."""

    counts: dict[str, float] = field(default_factory=dict)
    durations: dict[str, list[float]] = field(default_factory=dict)
    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def count(self, name: str, value: float = 1, *, action: str | None = None) -> None:
        self.counts[name] = self.counts.get(name, 0) + value

    def seconds(self, name: str, value: float, *, action: str | None = None) -> None:
        self.durations.setdefault(name, []).append(value)

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    def warn(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


class ListQueue:
    """Takes messages until it is full."""

    def __init__(self, capacity: int = 1_000_000) -> None:
        self.capacity = capacity
        self.messages: list[Message] = []

    def send(self, messages: Sequence[Message]) -> int:
        taken = list(messages)[: self.capacity - len(self.messages)]
        self.messages += taken
        return len(taken)


class ScriptedService:
    """Returns or raises the given answer of each call, and records the calls."""

    def __init__(self, **answers: object) -> None:
        self.answers = answers
        self.calls: list[tuple[str, tuple[object, ...]]] = []

    def _answer(self, name: str, *arguments: object) -> Any:
        self.calls.append((name, arguments))
        answer = self.answers[name]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def register(
        self, account_id: str, body: Mapping[str, object], *, key: str, fencing_token: int
    ) -> AccountStatus:
        return cast(AccountStatus, self._answer("register", account_id, body, key, fencing_token))

    def account_status(self, account_id: str) -> AccountStatus | None:
        return cast("AccountStatus | None", self._answer("account_status", account_id))

    def submit(
        self, account_id: str, request: EffectRequest, *, key: str, fencing_token: int
    ) -> str:
        return str(self._answer("submit", account_id, request, key, fencing_token))

    def find(self, key: str) -> Job | None:
        return cast("Job | None", self._answer("find", key))

    def job(self, job_id: str) -> Job | None:
        return cast("Job | None", self._answer("job", job_id))

    def cancel(self, job_id: str) -> Job | None:
        return cast("Job | None", self._answer("cancel", job_id))


class ScriptedWriter:
    """Writes what it was given, or raises it."""

    def __init__(self, text: str | Exception, tokens: int = 0) -> None:
        self._text = text
        self._tokens = tokens
        self.briefs: list[TextBrief] = []

    def write(self, brief: TextBrief) -> Written:
        self.briefs.append(brief)
        if isinstance(self._text, Exception):
            raise self._text
        return Written(text=self._text, tokens=self._tokens)


class CommitStore:
    """A store that only commits; `rule` may raise, or answer for the batch."""

    def __init__(
        self, rule: Callable[[Sequence[CommitItem]], list[Committed]] | None = None
    ) -> None:
        self._rule = rule
        self._guard = threading.Lock()
        self.batches: list[list[str]] = []
        self.calls: list[CallCount] = []

    def commit_tasks(
        self, items: Sequence[CommitItem], calls: Sequence[CallCount] = ()
    ) -> list[Committed]:
        self.calls.extend(calls)
        with self._guard:
            self.batches.append([item.task_id for item in items])
        if self._rule is not None:
            return self._rule(items)
        return [
            Committed(task_id=item.task_id, accepted=True, instance_status="active")
            for item in items
        ]


def pointer(
    sequence: int = 1,
    *,
    due: datetime = NOON,
    phase: Phase = Phase.TIMER,
    fence: int = 7,
    alone: bool = False,
) -> TaskPointer:
    """A pointer to a task of one instance."""
    return TaskPointer(
        task_id=TaskId(f"{INSTANCE}:{sequence}"),
        fence=fence,
        account_id=AccountId("acc"),
        phase=phase,
        due=due,
        alone=alone,
    )


def task(phase: Phase, **changes: Any) -> Task:
    """Return a task that was begun."""
    fields: dict[str, Any] = {
        "task_id": f"{INSTANCE}:3",
        "sequence": 3,
        "step_id": "swipe",
        "action": "swipe_with_spectre",
        "phase": phase,
        "scheduled_for": NOON,
        "attempts": 0,
        "reclaims": 0,
        "sends": 1,
        "fence": 41,
        "payload": Payload(
            request=EffectRequest(
                method="POST", path="/accounts/{accountId}/swipe-tasks", body={"count": 5}
            )
        ),
        "outcome_unknown": False,
        "first_begun_at": NOON,
    }
    return Task(**{**fields, **changes})


def begun(of: Task, *, registered: int | None = 100001) -> Begun:
    """What begin answers for a task."""
    account = AccountData(account_id=AccountId("acc"), model_id="m", channel_id="c")
    instance = Instance(
        instance_id=InstanceId(INSTANCE),
        account=account,
        definition_id=DefinitionId(1),
        status=InstanceStatus.ACTIVE,
        current_step=0,
    )
    return Begun(
        now=NOON,
        task=of,
        instance=instance,
        credentials_version=100001,
        registered_version=registered,
    )


class ScriptedLocks:
    """Acquires every lock, or returns or raises the given answer."""

    def __init__(self, answer: LockAnswer | Exception | None = None) -> None:
        self._answer = answer or LockAnswer(verdict=Verdict.ACQUIRED)
        self._guard = threading.Lock()
        self.taken: list[Holder] = []
        self.released: list[str] = []

    def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
        with self._guard:
            self.taken.append(holder)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def release(self, account_id: str, delivery_id: str) -> bool:
        with self._guard:
            self.released.append(delivery_id)
        return True
