"""What `begin_tasks` returns for a pointer that is ours to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flamebot.domain.ids import TaskId
from flamebot.domain.instance import Instance
from flamebot.domain.service_call import Service, ServiceRecord
from flamebot.domain.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Early:
    """The task is not due yet by the database's clock; nothing was changed."""

    task_id: TaskId
    now: datetime  # schedule time at the database


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A task that is running now, with everything that its step needs."""

    now: datetime  # schedule time at the database when it began
    task: Task
    instance: Instance
    credentials_version: int = 0
    registered_version: int | None = None
    account_suspended: bool = False  # by the actions service's last response that was stored
    global_paused_ms: int = 0
    # Of the breakers, by service: what a call of this task, or of one that follows, counts for.
    generations: Mapping[Service, int] = field(default_factory=dict)
    # How its service answered other tasks since this one's last failure. None: it has not failed.
    service_record: ServiceRecord | None = None
    late_ms: int = 0  # schedule time from the due time to the begin, without global pauses

    @property
    def task_id(self) -> TaskId:
        """The id of the running task."""
        return self.task.task_id
