"""The tables as the oracle knows them: it has seen every committed row version."""

from __future__ import annotations

from typing import Any, NamedTuple

LIVE = ("active", "paused", "stopping")
LIVE_TASK = ("pending", "queued", "running", "held")
OVER = ("completed", "failed", "cancelled")


class TaskRow(NamedTuple):
    """A row of scheduled_tasks. Times are epoch microseconds."""

    task_id: str
    instance_id: str
    account_id: str
    sequence: int
    step_id: str
    phase: str
    status: str
    scheduled_for: int
    attempts: int
    reclaims: int
    sends: int
    fence: int
    claim_fence: int | None
    committed_fence: int | None
    begun_by: str | None
    lease: int | None
    unknown: bool
    first_begun: int | None
    finished: int | None
    error: str | None
    job_id: str | None
    payload: str
    result: str | None

    @property
    def live(self) -> bool:
        """Return whether the task is unfinished."""
        return self.status in LIVE_TASK


class InstanceRow(NamedTuple):
    """A row of workflow_instances."""

    instance_id: str
    account_id: str
    definition_id: int
    status: str
    current_step: int
    revision: int
    last_error: str | None
    iterations: str
    finished: int | None

    @property
    def live(self) -> bool:
        """Return whether the instance is live."""
        return self.status in LIVE


class Mirror:
    """Instances and tasks, including deleted ones."""

    def __init__(self) -> None:
        self.tasks: dict[str, TaskRow] = {}
        self.instances: dict[str, InstanceRow] = {}
        self.of: dict[str, list[str]] = {}  # instance -> task ids, by sequence
        self.deleted: set[str] = set()
        self.paused = False

    def live_task(self, instance_id: str) -> TaskRow | None:
        """Return the one live task of an instance."""
        for task_id in reversed(self.of.get(instance_id, [])):
            if self.tasks[task_id].live:
                return self.tasks[task_id]
        return None

    def take(
        self, seen: dict[str, Any]
    ) -> tuple[list[tuple[TaskRow | None, TaskRow]], list[tuple[InstanceRow | None, InstanceRow]]]:
        """Apply changed rows; return the pairs of before and after."""
        instances = []
        for values in seen["instances"] or ():
            instance = InstanceRow(*values)
            before = self.instances.get(instance.instance_id)
            if before != instance:
                instances.append((before, instance))
                self.instances[instance.instance_id] = instance
        tasks = []
        for values in seen["tasks"] or ():
            task = TaskRow(*values)
            old = self.tasks.get(task.task_id)
            if old != task:
                tasks.append((old, task))
        tasks.sort(key=lambda pair: (pair[1].instance_id, pair[1].sequence))
        for old, task in tasks:
            self.tasks[task.task_id] = task
            if old is None:
                self.of.setdefault(task.instance_id, []).append(task.task_id)
        self.paused = bool(seen["paused"])
        return tasks, instances
