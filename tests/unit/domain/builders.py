"""Builders of the domain's values, and `Journey`, which runs the planner in memory."""

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
from flamebot.domain.ids import AccountId
from flamebot.domain.instance import AccountData, Instance, InstanceStatus
from flamebot.domain.outcome import Continue, Done, Outcome, Retry
from flamebot.domain.plan import plan, plan_start
from flamebot.domain.service_call import ServiceRecord
from flamebot.domain.task import Payload, Phase, Task
from flamebot.domain.task_random import TaskRandom

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOURS = timedelta(hours=1)
UNKNOWN = Retry(error="outcome_unknown: the service answered 503", unknown=True)
JOB_FAILED = Retry(error="job_failed: no more profiles", new_key=True)
POLICY = EnginePolicy(
    max_attempts=3,
    max_reclaims=5,
    retry_base=timedelta(seconds=30),
    retry_cap=timedelta(seconds=300),
)
ACCOUNT = AccountData(account_id=AccountId("account-1"), model_id="model-1", channel_id="channel-1")
ID = "0b5c6f7e-1111-4222-8333-444455556666"

Fields = Mapping[str, Any]


def a_wait(step_id: str = "wait", delay: Any = "30s", **fields: Any) -> Fields:
    """Return a wait step's members."""
    return {"id": step_id, "action": "wait", "delay": delay, **fields}


def a_swipe(step_id: str = "swipe", **fields: Any) -> Fields:
    """Return a swipe step's members: it needs no text."""
    return {"id": step_id, "action": "swipe_with_spectre", "swipeCount": 5, **fields}


def a_prompt(step_id: str = "prompt", **fields: Any) -> Fields:
    """Return a prompt step's members: its text is generated first."""
    return {"id": step_id, "action": "add_prompt", **fields}


def a_goto(next_step: str, step_id: str = "loop", **fields: Any) -> Fields:
    """Return a jump's members; without `maxIterations` it has no limit."""
    limit = {} if "maxIterations" in fields else {"infiniteAllowed": True}
    return {"id": step_id, "action": "goto", "nextStep": next_step, **limit, **fields}


def a_document(*steps: Fields, **members: Any) -> dict[str, Any]:
    """Return a definition as its author writes it."""
    return {"type": "sample", "name": "Sample", "steps": list(steps), **members}


def a_definition(*steps: Fields, policy: EnginePolicy = POLICY, **members: Any) -> Definition:
    """Return a bound definition; fail if it has an issue."""
    definition, issues = read_definition(a_document(*steps, **members), REGISTRY, policy)
    assert definition is not None, issues
    return definition


def an_instance(**fields: Any) -> Instance:
    """Return an active instance at its first step."""
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
    """Return a task that was begun."""
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
    """Return the planner's decision about an outcome."""
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
    """An instance in memory. `run` plans an outcome of the waiting task at the time it was due."""

    definition: Definition
    instance: Instance = field(default_factory=an_instance)
    now: datetime = NOON
    task: Task | None = None
    sequence: int = 0
    history: list[HistoryEntry] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Apply the decision of a start."""
        self.apply(plan_start(self.definition, self.instance, self.now, TaskRandom(f"{ID}:0")))

    @property
    def waiting(self) -> Task:
        """The task that waits to be run."""
        assert self.task is not None, f"the instance is {self.instance.status}"
        return self.task

    @property
    def position(self) -> str:
        """The waiting task's step and phase, as in `swipe/poll`."""
        return f"{self.waiting.step_id}/{self.waiting.phase}"

    def run(
        self,
        outcome: Outcome,
        *,
        late: timedelta = timedelta(),
        record: ServiceRecord | None = None,
        held_back: timedelta = timedelta(),
    ) -> Decision:
        """Plan an outcome of the waiting task when it is due, or `late`, and apply the decision.

        `record` is how its service answered other tasks, and `held_back` the time for which a
        breaker kept the task.
        """
        task = self.waiting
        self.now = max(self.now, task.scheduled_for) + late + held_back
        decision = plan(
            self.definition,
            self.instance,
            task,
            outcome,
            self.now,
            TaskRandom(task.task_id),
            global_paused_ms=0,
            service_record=record,
            late_ms=held_back // timedelta(milliseconds=1),
        )
        self.apply(decision)
        return decision

    def succeed(self) -> Decision:
        """Plan the success of the waiting task."""
        results: Mapping[Phase, dict[str, object]] = {
            Phase.GENERATE: {"text": "A walk and a good book.", "tokens": 9},
            Phase.SUBMIT: {"job_id": f"job-{self.sequence}"},
            Phase.POLL: {"performed": 5, "matches": 1},
        }
        return self.run(Done(result=results.get(self.waiting.phase, {})))

    def succeed_until(self, position: str) -> None:
        """Let tasks succeed up to a step and phase, as in `swipe/poll`."""
        for _ in range(1000):
            if self.position == position:
                return
            self.succeed()
        raise AssertionError(f"did not reach {position}")

    def finish(self) -> None:
        """Let tasks succeed until the workflow has ended."""
        for _ in range(1000):
            if self.task is None:
                return
            self.succeed()
        raise AssertionError("did not reach its end")

    def poll(self, times: int) -> None:
        """Poll the job a number of times while it is at work."""
        for _ in range(times):
            self.run(Continue())

    def apply(self, decision: Decision) -> None:
        """Apply a decision as a commit does."""
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
            self.task = None if decision.next is None else self.successor(decision.next)

    def successor(self, task: NextTask) -> Task:
        """Return the next task as `begin_tasks` would."""
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
    """Return the seconds from `since` to the decision's next task."""
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
    """Return history entries in short: `step:status`."""
    return [f"{entry.step_id}:{entry.status}" for entry in entries]


def at(position: str, *steps: Fields) -> Journey:
    """Return a journey whose waiting task is of this step and phase."""
    journey = Journey(a_definition(*(steps or (a_swipe(), a_wait("rest")))))
    journey.succeed_until(position)
    return journey
