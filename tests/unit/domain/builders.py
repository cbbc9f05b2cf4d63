"""Builders of the domain's values, and a journey: the planner driven by hand, with its decisions made true in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flamebot.actions.registry import REGISTRY
from flamebot.domain.backoff import EnginePolicy
from flamebot.domain.decision import Decision, HistoryEntry, NextTask
from flamebot.domain.definition import Definition
from flamebot.domain.document import read_definition
from flamebot.domain.instance import AccountData, Instance, InstanceStatus
from flamebot.domain.outcome import Continue, Done, Outcome
from flamebot.domain.plan import plan, plan_start
from flamebot.domain.task import Payload, Phase, Task
from flamebot.domain.task_random import TaskRandom

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
POLICY = EnginePolicy(
    max_attempts=3,
    max_reclaims=5,
    retry_base=timedelta(seconds=30),
    retry_cap=timedelta(seconds=300),
)
ACCOUNT = AccountData(account_id="account-1", model_id="model-1", channel_id="channel-1")
ID = "0b5c6f7e-1111-4222-8333-444455556666"

Fields = Mapping[str, Any]


def a_wait(step_id: str = "wait", delay: Any = "30s", **fields: Any) -> Fields:
    """A wait step."""
    return {"id": step_id, "action": "wait", "delay": delay, **fields}


def a_swipe(step_id: str = "swipe", **fields: Any) -> Fields:
    """A step that is submitted and polled; no text."""
    return {"id": step_id, "action": "swipe_with_spectre", "swipeCount": 5, **fields}


def a_prompt(step_id: str = "prompt", **fields: Any) -> Fields:
    """A step whose text is written first."""
    return {"id": step_id, "action": "add_prompt", **fields}


def a_goto(next_step: str, step_id: str = "loop", **fields: Any) -> Fields:
    """A jump, endless unless it is given a limit."""
    limit = {} if "maxIterations" in fields else {"infiniteAllowed": True}
    return {"id": step_id, "action": "goto", "nextStep": next_step, **limit, **fields}


def a_document(*steps: Fields, **members: Any) -> dict[str, Any]:
    """A definition as people write it."""
    return {"type": "sample", "name": "Sample", "steps": list(steps), **members}


def a_definition(*steps: Fields, policy: EnginePolicy = POLICY, **members: Any) -> Definition:
    """A bound definition; fails if it has a issue."""
    definition, issues = read_definition(a_document(*steps, **members), REGISTRY, policy)
    assert definition is not None, issues
    return definition


def an_instance(**fields: Any) -> Instance:
    """An active instance at its first step."""
    return Instance(
        **{
            "instance_id": ID,
            "account": ACCOUNT,
            "definition_id": 1,
            "status": InstanceStatus.ACTIVE,
            "current_step": 0,
            **fields,
        }
    )


def a_task(step_id: str, phase: Phase, **fields: Any) -> Task:
    """A begun task."""
    values: dict[str, Any] = {
        "task_id": f"{ID}:1",
        "sequence": 1,
        "step_id": step_id,
        "action": "any",
        "phase": phase,
        "scheduled_for": NOON,
        "attempts": 0,
        "reclaims": 0,
        "sends": 1,
        "fence": 1,
        "payload": Payload(),
        "outcome_unknown": False,
    }
    return Task(**{**values, **fields})


def decided(
    definition: Definition,
    task: Task,
    outcome: Outcome,
    *,
    now: datetime = NOON,
    instance: Instance | None = None,
    paused: int = 0,
) -> Decision:
    """What the planner says about an outcome."""
    return plan(
        definition,
        instance or an_instance(),
        task,
        outcome,
        now,
        TaskRandom(task.task_id),
        global_paused_ms=paused,
    )


@dataclass
class Journey:
    """An instance on its way. `run` tells what came of the waiting task; the clock jumps to when it was due."""

    definition: Definition
    instance: Instance = field(default_factory=an_instance)
    now: datetime = NOON
    task: Task | None = None
    sequence: int = 0
    history: list[HistoryEntry] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start."""
        self.apply(plan_start(self.definition, self.instance, self.now, TaskRandom(f"{ID}:0")))

    @property
    def waiting(self) -> Task:
        """The task that is to be run."""
        assert self.task is not None, f"the instance is {self.instance.status}"
        return self.task

    @property
    def place(self) -> str:
        """Where it stands: step and phase."""
        return f"{self.waiting.step_id}/{self.waiting.phase}"

    def run(self, outcome: Outcome, *, late: timedelta = timedelta()) -> Decision:
        """Let the clock reach the task's time, and tell its outcome."""
        task = self.waiting
        self.now = max(self.now, task.scheduled_for) + late
        decision = plan(
            self.definition,
            self.instance,
            task,
            outcome,
            self.now,
            TaskRandom(task.task_id),
            global_paused_ms=0,
        )
        self.apply(decision)
        return decision

    def succeed(self) -> Decision:
        """Let the waiting task reach its end."""
        results: Mapping[Phase, dict[str, object]] = {
            Phase.GENERATE: {"text": "A walk and a good book.", "tokens": 9},
            Phase.SUBMIT: {"job_id": f"job-{self.sequence}"},
            Phase.POLL: {"performed": 5, "matches": 1},
        }
        return self.run(Done(result=results.get(self.waiting.phase, {})))

    def succeed_until(self, place: str) -> None:
        """Let everything succeed up to a step and phase, as in `swipe/poll`."""
        for _ in range(1000):
            if self.place == place:
                return
            self.succeed()
        raise AssertionError(f"never came to {place}")

    def finish(self) -> None:
        """Let everything succeed to the workflow's end."""
        for _ in range(1000):
            if self.task is None:
                return
            self.succeed()
        raise AssertionError("never came to its end")

    def poll(self, times: int) -> None:
        """Hear so many times that the job is still at work."""
        for _ in range(times):
            self.run(Continue())

    def apply(self, decision: Decision) -> None:
        """Make a decision true, as a commit does."""
        write = decision.instance
        self.decisions.append(decision)
        self.history.extend(decision.history)
        self.instance = replace(
            self.instance,
            current_step=write.current_step,
            context=self.instance.context if write.context is None else write.context,
            iterations=self.instance.iterations if write.iterations is None else write.iterations,
            status=InstanceStatus(write.status) if write.status else self.instance.status,
        )
        row = decision.task
        if row is not None and row.to == "pending":
            assert row.at is not None
            self.task = replace(
                self.waiting,
                scheduled_for=row.at,
                attempts=row.attempts,
                outcome_unknown=row.outcome_unknown,
                payload=row.payload or self.waiting.payload,
            )
        else:
            self.task = None if decision.next is None else self.born(decision.next)

    def born(self, task: NextTask) -> Task:
        """The next task as begin would return it."""
        self.sequence += 1
        return a_task(
            task.step_id,
            task.phase,
            task_id=f"{ID}:{self.sequence}",
            sequence=self.sequence,
            action=task.action,
            scheduled_for=task.at,
            attempts=task.attempts,
            payload=task.payload,
        )


def seconds(decision: Decision, *, since: datetime) -> float:
    """How far ahead of a moment the decision's next wake-up lies."""
    at = (
        decision.task.at
        if decision.task and decision.task.to == "pending"
        else decision.next.at
        if decision.next
        else None
    )
    assert at is not None
    return (at - since).total_seconds()


def names(entries: Sequence[HistoryEntry]) -> list[str]:
    """A history in short: `step:status`."""
    return [f"{entry.step_id}:{entry.status}" for entry in entries]
