"""Rules that hold after every statement, checked from row versions alone, without the planner."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from verification.simulation.calls import Calls
from verification.simulation.limits import Limits
from verification.simulation.mirror import LIVE_TASK, InstanceRow, Mirror, TaskRow
from verification.simulation.scheduler import SECOND, START_EPOCH_US
from verification.simulation.workload import CANARY

if TYPE_CHECKING:
    from verification.simulation.database import Result
    from verification.simulation.world import World

MAX_RECLAIMS, MOST_SENDS = 5, 20
_TO_RUNNING = ("begin_tasks", "reclaim_expired", "commit_tasks")


class Oracle(Calls, Limits):
    """Watches one seed. A violation ends the seed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mirror = Mirror()
        self.begun: set[tuple[str, int]] = set()  # every (task, fence) that ever ran
        self.doubt: dict[
            tuple[str, int], bool
        ] = {}  # commits whose reply was lost, and whether they were executed
        self.completed: Counter[str] = Counter()
        self.metrics: Counter[str] = Counter()

    def wrong(self, invariant: str, what: str) -> None:
        """Record a violation and end the seed."""
        self.world.scheduler.fail(f"{invariant}: {what}")

    # Outputs of the engine

    def said(self, where: str, text: str) -> None:
        """I10: search everything that leaves the engine for planted credentials."""
        if CANARY in text:
            self.wrong("I10", f"credentials in {where}: {text}")

    def logged(self, event: str, fields: dict[str, Any]) -> None:
        """Note rare states that only a log line shows."""
        if event in (
            "phase_failed",
            "delivery_failed",
            "send_failed",
            "commit_refused",
            "not_planned",
            "request_failed",
        ):
            self.world.odd(f"{event} {fields.get('error') or fields.get('code')}", fields)

    def metric(self, name: str, value: float) -> None:
        """Add a value to a metric's total."""
        self.metrics[name] += int(value)

    def in_doubt(self, function: str, params: Any, *, executed: bool) -> None:
        """Note that a caller does not know whether its statement ran."""
        if function == "commit_tasks":
            for item in json.loads(params["items"]):
                self.doubt[item["task_id"], item["fence"]] = executed

    # Changes of rows

    def observe(
        self, function: str, params: Any, result: Result | None, seen: dict[str, Any], *, late: bool
    ) -> list[str]:
        """Check the changes that a statement made; return them in words."""
        now = START_EPOCH_US + self.world.scheduler.now
        paused_before = self.mirror.paused
        before = dict(self.mirror.tasks) if function == "commit_tasks" else {}
        tasks, instances = self.mirror.take(seen)
        for old_instance, instance in instances:
            self._instance(function, old_instance, instance)
        for old, new in tasks:
            self._task(function, old, new, now, paused=paused_before)
        touched = {new.instance_id for _, new in tasks} | {new.instance_id for _, new in instances}
        for instance_id in sorted(touched):
            self._whole(instance_id)
        if len(self.mirror.tasks) - len(self.mirror.deleted) != seen["count"]:
            self._deleted(function, now)
        match function:
            case "begin_tasks":
                self._begin(params, result, tasks)
            case "commit_tasks":
                self._commit(params, result, tasks, before)
            case "reclaim_expired" | "resend_expired" if tasks:
                self._recovery(function, tasks)
        if late:
            self.world.rare(
                "a late statement changed something"
                if tasks or instances
                else "a late statement changed nothing"
            )
        return [_described(old, new) for old, new in tasks] + [
            f"{i.instance_id[:8]} {o and o.status}>{i.status}" for o, i in instances
        ]

    def _instance(self, function: str, old: InstanceRow | None, new: InstanceRow) -> None:
        if old is None:
            if new.live and any(
                o.live and o.account_id == new.account_id and o != new
                for o in self.mirror.instances.values()
            ):
                self.wrong("I1", f"a second live instance of {new.account_id}")
            return
        if new.definition_id != old.definition_id:
            self.wrong(
                "I11",
                f"{new.instance_id} moved from definition {old.definition_id} "
                f"to {new.definition_id}",
            )
        if new.revision < old.revision:
            self.wrong("I4", f"revision of {new.instance_id} fell")
        if old.status in ("completed", "stopped") and new.status != old.status:
            self.wrong(
                "I3", f"{new.instance_id} was {old.status} and is {new.status} by {function}"
            )
        if new.live and not old.live:
            if function != "retry_workflow":
                self.wrong("I3", f"{function} revived {new.instance_id}")
            others = [
                o
                for o in self.mirror.instances.values()
                if o.live and o.account_id == new.account_id
            ]
            if len(others) > 1:
                self.wrong("I1", f"a second live instance of {new.account_id}")

    def _task(
        self, function: str, old: TaskRow | None, new: TaskRow, now: int, *, paused: bool
    ) -> None:
        world, name = self.world, new.task_id
        instance = self.mirror.instances[new.instance_id]
        if old is None:
            kept = self.mirror.of[new.instance_id]
            if [self.mirror.tasks[one].sequence for one in kept] != list(range(1, len(kept) + 1)):
                self.wrong("I3", f"{name} left a gap")
            if new.phase == "submit":
                self.new_key(function, new, instance)
        else:
            if new.fence < old.fence:
                self.wrong("I4", f"the fence of {name} fell from {old.fence} to {new.fence}")
            if old.finished is not None and not (
                (function == "retry_workflow" and old.status == "failed" and new.live)
                or (
                    function == "delete_account"
                    and (old.status, old.fence, old.finished)
                    == (new.status, new.fence, new.finished)
                )
            ):
                self.wrong("I3", f"{function} changed {name}, which was over: {old} {new}")
        if new.status == "completed" and (old is None or old.status != "completed"):
            self.completed[name] += 1
            if self.completed[name] > 1:
                self.wrong("I3", f"{name} was completed twice")
        if new.status == "running" and (
            old is None or old.status != "running" or old.fence != new.fence
        ):
            self._began(function, old, new, instance, now, paused=paused)
        self.within_limits(function, old, new, instance, now)
        if new.status == "held" and instance.status != "paused":
            self.wrong("I7", f"{name} is held, its instance {instance.status}")
        if (
            old is not None
            and old.status == "queued"
            and new.status == "pending"
            and function == "begin_tasks"
        ):
            world.rare("given back under the global pause")

    def _began(
        self,
        function: str,
        old: TaskRow | None,
        new: TaskRow,
        instance: InstanceRow,
        now: int,
        *,
        paused: bool,
    ) -> None:
        self.begun.add((new.task_id, new.fence))
        name = f"{new.task_id} ({new.phase})"
        if function == "reclaim_expired":
            if old is None or old.lease is None or old.lease >= now:
                self.wrong("I4", f"{name} was reclaimed from an invocation that holds it")
            return
        if function not in _TO_RUNNING or (function == "commit_tasks" and old is not None):
            self.wrong("I3", f"{function} let {name} run")
        if new.scheduled_for > now:
            self.wrong("I6", f"{name} began {(new.scheduled_for - now) / SECOND} s early")
        if new.phase != "cancel" and paused:
            self.wrong("I7", f"{name} began under the global pause")
        if instance.status != "active" and not (new.phase == "cancel" and instance.live):
            self.wrong("I7", f"{name} began while its instance was {instance.status}")
        if old is not None and (old.status != "queued" or new.claim_fence != old.fence):
            self.wrong(
                "I4",
                f"{name} was begun from {old.status} with fence {new.claim_fence}, not {old.fence}",
            )
        if old is not None and old.status == "queued":
            self.began_after(max(0, now - new.scheduled_for))

    def _whole(self, instance_id: str) -> None:
        instance = self.mirror.instances[instance_id]
        live = sum(
            self.mirror.tasks[task_id].live for task_id in self.mirror.of.get(instance_id, ())
        )
        if live != instance.live:
            self.wrong("I2", f"{instance_id} is {instance.status} and has {live} live tasks")

    def _begin(
        self, params: Any, result: Result | None, tasks: list[tuple[TaskRow | None, TaskRow]]
    ) -> None:
        changed = {new.task_id for _, new in tasks}
        for task_id, claim in zip(params["ids"], params["fences"], strict=True):
            row = self.mirror.tasks.get(task_id)
            if task_id not in changed and (row is None or row.fence != claim):
                self.world.rare("a late or duplicate delivery did nothing")
            if (
                result is not None
                and row is not None
                and row.status == "running"
                and task_id not in changed
                and row.claim_fence == claim
            ):
                self.world.rare("a begun task's message came again")

    def _commit(
        self,
        params: Any,
        result: Result | None,
        tasks: list[tuple[TaskRow | None, TaskRow]],
        before: dict[str, TaskRow],
    ) -> None:
        items = [(item["task_id"], item["fence"]) for item in json.loads(params["items"])]
        changed = {new.task_id: old for old, new in tasks}
        mine = {
            task_id
            for task_id, fence in items
            if (row := before.get(task_id)) and row.status == "running" and row.fence == fence
        }
        for old, new in tasks:
            allowed = (
                new.task_id in mine if old else f"{new.instance_id}:{new.sequence - 1}" in mine
            )
            if not allowed:
                self.wrong(
                    "I4", f"a commit without the right to do so changed {new.task_id}: {old} {new}"
                )
        for task_id, _ in items:
            if task_id in mine and result is not None and task_id not in changed:
                self.wrong("I4", f"the commit of {task_id} by its holder was refused")
        if result is None:
            return
        answered = {(row[0], row[1]) for row in result.rows}
        for item in items:
            if item in answered and item in self.doubt:
                executed = self.doubt.pop(item)
                self.world.rare(
                    "in doubt: it was done, and reported again"
                    if executed
                    else "in doubt: it was not done, and done now"
                )
            elif item not in answered:
                self.world.rare("a stale commit was refused")
                if self.world.faults.mode == "none":
                    self.wrong("no waste", f"the commit of {item} was stale, without any fault")

    def _recovery(self, function: str, tasks: list[tuple[TaskRow | None, TaskRow]]) -> None:
        for old, new in tasks:
            if old is None:
                continue
            if function == "resend_expired":
                if new.fence != old.fence or old.status != "queued":
                    self.wrong("I4", f"a resend changed {new.task_id}: {old} {new}")
                self.world.rare("sent again with the same fence")
            elif old.status == "queued":
                self.world.rare("undeliverable, given up")
            else:
                self.world.rare(f"reclaimed: {new.phase}")
                if new.reclaims >= MAX_RECLAIMS:
                    self.world.rare("crash loop exhausted")
        if self.world.faults.mode == "none":
            self.wrong("no waste", f"{function} had work to do, without any fault: {tasks}")

    def _deleted(self, function: str, now: int) -> None:
        here = {
            task_id for (task_id,) in self.world.database.ask("select task_id from scheduled_tasks")
        }
        gone = [
            task_id
            for task_id in self.mirror.tasks
            if task_id not in here and task_id not in self.mirror.deleted
        ]
        kept_for = int(self.world.settings("maintenance").task_retention.total_seconds()) * SECOND
        for task_id in gone:
            row = self.mirror.tasks[task_id]
            if (
                function != "delete_finished_tasks"
                or row.status in LIVE_TASK
                or row.finished is None
                or row.finished >= now - kept_for
            ):
                self.wrong("I12", f"{function} deleted {row}")
            instance = self.mirror.instances[row.instance_id]
            if instance.status == "failed" and row.task_id == self.mirror.of[row.instance_id][-1]:
                self.wrong("I12", f"{function} deleted the last task of a failed instance: {row}")
            self.mirror.deleted.add(task_id)
            self.world.rare("retention deleted a task")
        for instance_id in {self.mirror.tasks[task_id].instance_id for task_id in gone}:
            kept = [
                self.mirror.tasks[one].sequence
                for one in self.mirror.of[instance_id]
                if one not in self.mirror.deleted
            ]
            if kept and kept != list(range(kept[0], kept[0] + len(kept))):
                self.wrong("I3", f"retention left a gap in {instance_id}")


def _described(old: TaskRow | None, new: TaskRow) -> str:
    was = "new" if old is None else f"{old.status}/{old.fence}"
    return (
        f"{new.task_id[:8]}{new.task_id[36:]} {new.phase} {was}>{new.status}/{new.fence} "
        f"a{new.attempts} r{new.reclaims} s{new.sends}"
    )
