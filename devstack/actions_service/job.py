"""A job of the simulated actions service: work whose status follows from the time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work on an account, started by one accepted write."""

    task_id: str
    key: str
    account: str
    operation: str
    body: Json
    started: float  # schedule time
    seconds: float
    end: Literal["succeeded", "failed", "cancelled"] = "succeeded"
    cancelled: float | None = None  # schedule time

    def status(self, now: float) -> str:
        """Return its status at a schedule time."""
        if self.cancelled is not None:
            return "cancelled"
        elapsed = now - self.started
        if elapsed >= self.seconds:
            return self.end
        return "pending" if elapsed < self.seconds / 10 else "running"

    def is_open(self, now: float) -> bool:
        """Return whether it may still have an effect."""
        return self.status(now) in ("pending", "running")

    def shown(self, now: float) -> Json:
        """Return the task as the service returns it."""
        status = self.status(now)
        task: Json = {"taskId": self.task_id, "status": status}
        if status == "succeeded":
            return {**task, "progress": 1, "result": self._result()}
        if status == "failed":
            return {**task, "error": "the provider could not do it"}
        if status in ("pending", "running"):
            task["progress"] = round(min(1.0, max(0.0, now - self.started) / self.seconds), 3)
        return task

    def _result(self) -> Json:
        if "count" not in self.body:  # a job of swipes has counts; a text has no result
            return {}
        share = hashlib.sha256(self.key.encode()).digest()[0] / 255 / 4
        return {"performed": self.body["count"], "matches": int(self.body["count"] * share)}

    def recorded(self, now: float) -> Json:
        """Return the task with the write that started it, for the ledger."""
        return self.shown(now) | {
            "account": self.account,
            "key": self.key,
            "operation": self.operation,
            "body": self.body,
            "startedAt": self.started,
        }
