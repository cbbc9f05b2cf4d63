"""I8 and the liveness half of I6: upper limits of counts and durations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from verification.simulation.mirror import InstanceRow, Mirror, TaskRow
from verification.simulation.scheduler import SECOND, START_EPOCH_US

if TYPE_CHECKING:
    from verification.simulation.world import World

MAX_RECLAIMS, MOST_SENDS = 5, 20
LEASE, TICK = 90 * SECOND, 60 * SECOND
LONGEST_RETRY_AFTER = 55 * SECOND
_SLACK = 5 * SECOND  # between the decision and its commit, and for the calls of a tick


class Limits:
    """The part of the oracle that counts and measures."""

    world: World
    mirror: Mirror
    calm_since: int | None = None  # epoch microseconds at which faults stopped
    leases_then: dict[str, int]
    longest_wait = 0
    full_at = 0  # when the queue capacity was last used up
    full_until: dict[str, int]  # for each task that was due and pending
    _definitions: dict[int, Any]

    def wrong(self, invariant: str, what: str) -> None:
        """Report a violation to the oracle."""
        raise NotImplementedError

    def definition(self, definition_id: int) -> Any:
        """Return a definition version as it is stored."""
        if not hasattr(self, "_definitions"):
            self._definitions = {}
        if definition_id not in self._definitions:
            ((steps, config),) = self.world.database.ask(
                "select steps, config from workflow_definitions where id = %s", (definition_id,)
            )
            self._definitions[definition_id] = ({step["id"]: step for step in steps}, config)
        return self._definitions[definition_id]

    def within_limits(
        self, function: str, old: TaskRow | None, new: TaskRow, instance: InstanceRow, now: int
    ) -> None:
        """Check attempts, reclaims, sends and the wait before a retry against their limits."""
        if new.reclaims > MAX_RECLAIMS or new.sends > MOST_SENDS:
            self.wrong(
                "I8", f"{new.task_id} was lost {new.reclaims} times and sent {new.sends} times"
            )
        steps, config = self.definition(instance.definition_id)
        limit = (
            3
            if new.phase == "cancel"
            else steps[new.step_id].get("maxAttempts", config.get("maxRetries", 2) + 1)
        )
        if old is not None and new.attempts < old.attempts and function != "retry_workflow":
            self.wrong(
                "I8", f"{function} forgot attempts of {new.task_id}: {old.attempts}, {new.attempts}"
            )
        if old is not None and new.reclaims < old.reclaims and function != "retry_workflow":
            self.wrong(
                "I8", f"{function} forgot reclaims of {new.task_id}: {old.reclaims}, {new.reclaims}"
            )
        if new.attempts > limit:
            self.wrong("I8", f"{new.task_id} made {new.attempts} attempts of {limit}")
        counted = new.attempts > (old.attempts if old else 0) and new.phase in (
            "text",
            "submit",
            "cancel",
        )
        if function == "commit_tasks" and counted and new.live:
            base, cap = config["retryBackoffMs"] * 1000, config["maxRetryDelayMs"] * 1000
            longest = max(min(cap, base * 2 ** (new.attempts - 1)), LONGEST_RETRY_AFTER)
            if new.scheduled_for > now + longest + _SLACK:
                self.wrong(
                    "I8",
                    f"{new.task_id} waits {(new.scheduled_for - now) / SECOND} s "
                    f"before attempt {new.attempts + 1}",
                )

    def calm(self) -> None:
        """Note that faults have stopped."""
        self.calm_since = START_EPOCH_US + self.world.scheduler.now
        self.full_until = {}
        self.leases_then = {
            row.task_id: row.lease for row in self.mirror.tasks.values() if row.lease is not None
        }

    def began_after(self, wait: int) -> None:
        """Check how long after its due time a task began."""
        if (
            self.world.faults.mode == "none"
            and wait > 15 * SECOND
            and not self.world.operated
            and not self.world.crowded
        ):
            self.wrong("no waste", f"something began {wait / SECOND} s late, without any fault")

    def unsettled(self) -> list[str]:
        """Return the tasks that are still unfinished."""
        live = [
            instance
            for instance in self.mirror.instances.values()
            if instance.live and instance.status != "paused"
        ]
        return [f"{instance} {self.mirror.live_task(instance.instance_id)}" for instance in live]

    def nothing_waits(self) -> None:
        """I6: once faults have stopped, a due task begins within a lease and two ticks.

        A task that was queued or running at that moment first outlives the lease that it had then.
        """
        now = START_EPOCH_US + self.world.scheduler.now
        assert self.calm_since is not None, "faults have stopped"
        if (
            self.world.crowded
            and sum(row.lease is not None for row in self.mirror.tasks.values()) >= 2
        ):
            self.full_at = now
        for row in self.mirror.tasks.values():
            instance = self.mirror.instances[row.instance_id]
            if row.status == "running" and row.lease is not None:
                since = max(row.lease, self.calm_since)
                late = now - since > 2 * TICK + _SLACK
            elif row.status in ("pending", "queued") and (
                row.phase == "cancel" or (instance.status == "active" and not self.mirror.paused)
            ):
                since = max(
                    row.scheduled_for,
                    self.calm_since,
                    self.leases_then.get(row.task_id, 0),
                    self.world.resumed_at,
                )
                if row.status == "pending":  # the tick claims no more than the queue capacity
                    self.full_until[row.task_id] = self.full_at
                since = max(since, self.full_until.get(row.task_id, 0))
                # A lock that a dead delivery of the same fence left refuses the first repetition as
                # a duplicate, so the row is sent once more after its lease, which is longer then.
                lease = row.lease if row.sends > 1 and row.lease is not None else since + LEASE
                late = now - max(since + LEASE, lease) > 2 * TICK + _SLACK
            else:
                continue
            self.longest_wait = max(self.longest_wait, now - since)
            if late:
                self.wrong(
                    "I6", f"{(now - since) / SECOND} s after it could have: {json.dumps(row)}"
                )
