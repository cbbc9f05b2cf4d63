"""I4 and I5: the rules for calls at the actions service, checked at both ends of each call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from verification.simulation.mirror import InstanceRow, Mirror, TaskRow
from verification.simulation.scheduler import HOUR, MINUTE, SECOND, START_EPOCH_US

if TYPE_CHECKING:
    from verification.simulation.service import Call
    from verification.simulation.world import World

KEY_LIFETIME = 20 * HOUR
LEASE, LOCK_TIMEOUT = 90 * SECOND, 300 * SECOND


class Calls:
    """The part of the oracle that checks calls at the actions service.

    Two writes for one account overlap if the service executes both at once. This is an error while
    leases hold: each caller still waits for its response, and its task's row is running under the
    caller's fence with an unexpired lease. A caller that froze past its lease, gave up or died
    holds nothing; its key and fence keep the rest of its call harmless. The account's lock remains:
    while it lasts, only a later task of the same instance takes it, and no other instance writes.
    """

    world: World
    mirror: Mirror
    begun: set[tuple[str, int]]
    iterations_at: dict[str, str]
    throttled_until: dict[str, tuple[int, int]]

    def wrong(self, invariant: str, what: str) -> None:
        """Report a violation to the oracle."""
        raise NotImplementedError

    def call_began(self, call: Call) -> None:
        """Check a call before it is sent: only a begun task, under its fence and its own key."""
        if call.writes:
            self._place(call)
        if not call.writes or call.key is None:
            return
        if call.path.count("/") == 2:  # a registration
            if not call.key.startswith(f"{call.account}:"):
                self.wrong("I5", f"a registration of {call.account} under the key {call.key}")
            if not any(fence == call.fence for _, fence in self.begun):
                self.wrong("I4", f"a registration with the fence {call.fence}, which no task has")
            return
        row = self.mirror.tasks.get(call.key)
        if row is None or row.phase != "submit" or row.account_id != call.account:
            self.wrong("I5", f"the key {call.key} belongs to no submit of {call.account}")
        elif (call.key, call.fence) not in self.begun:
            self.wrong(
                "I5", f"{call.key} was sent without having been begun with fence {call.fence}"
            )
        elif (
            row.first_begun is not None
            and row.unknown
            and row.first_begun < START_EPOCH_US + self.world.scheduler.now - KEY_LIFETIME - HOUR
        ):
            self.wrong("I5", f"{call.key} was sent again after the life of its key")
        not_before, ended = self._not_before().get(call.key, (0, 0))
        if (
            self.world.scheduler.now < not_before
            and ended == self.world.operators.ended[call.key.rpartition(":")[0]]
        ):
            self.wrong(
                "I8",
                f"{call.key} was sent {(not_before - self.world.scheduler.now) / SECOND} s "
                "before the service allowed it",
            )
        earlier = sum(1 for one in self.world.service.calls if one.key == call.key)
        if earlier > 1 and self.world.faults.mode == "none":
            self.wrong("no waste", f"a second request under {call.key}, without any fault")

    def _looked_up(self, call: Call, answer: httpx.Response | None) -> None:
        """Check a look-up by key: a cancel without a job id, or a submit older than the key."""
        key = call.facts["key"]
        running = self.mirror.live_task(key.rpartition(":")[0])
        if answer is None or answer.status_code != 200 or running is None:
            return
        if running.phase == "submit":
            age = START_EPOCH_US + self.world.scheduler.now - (running.first_begun or 0)
            self.world.rare(
                "a key was looked up after its life"
                if running.first_begun is not None and age > KEY_LIFETIME
                else "a write of unknown outcome was looked up"
            )
        else:
            self.world.rare(
                "a cancel found the job by its key"
                if b"taskId" in getattr(call.answer, "body", b"")
                else "a cancel found no job by its key"
            )

    def call_arrived(self, call: Call) -> None:
        """Check an arriving call: no other write for the account executes while leases hold."""
        if not call.writes:
            return
        for other in self.world.service.calls:
            if (
                other is call
                or not other.writes
                or other.account != call.account
                or other.arrived is None
                or other.ended is not None
            ):
                continue
            if self._holds(call) and self._holds(other):
                self.wrong(
                    "I4",
                    f"two writes for {call.account} overlap: {_shown(other)} and {_shown(call)}",
                )
            elif self._locked_by(other) and call.facts["instance"] not in (
                None,
                other.facts["instance"],
            ):
                self.wrong("I4", f"{_shown(call)} began while the lock of {_shown(other)} lasted")
            else:
                of = (
                    "itself"
                    if call.key == other.key
                    else "an earlier task"
                    if call.facts["instance"] == other.facts["instance"]
                    else "others"
                )
                self.world.rare("a write met what was left of an older one")
                self.world.rare(f"a write met what was left of {of}")

    def _place(self, call: Call) -> None:
        """Return the task of a call, and when the lock taken for it expires at the earliest."""
        now = START_EPOCH_US + self.world.scheduler.now
        rows = [
            row
            for row in self.mirror.tasks.values()
            if row.account_id == call.account and row.status == "running"
        ]
        mine = [
            row
            for row in rows
            if (row.fence == call.fence if call.fence is not None else row.phase == "cancel")
        ]
        call.facts |= {"instance": mine[0].instance_id if mine else None, "locked_until": 0}
        if (
            mine
            and mine[0].lease is not None
            and mine[0].lease > now
            and call.environment.frozen_until == 0
        ):
            begun_at = mine[0].lease - LEASE
            call.facts["locked_until"] = begun_at + LOCK_TIMEOUT - START_EPOCH_US - 15 * SECOND

    def _locked_by(self, call: Call) -> bool:
        """Return whether a call's lock still holds, and no later task of its instance took it."""
        followed = any(
            one.writes
            and one.number > call.number
            and one.facts["instance"] == call.facts["instance"]
            for one in self.world.service.calls
        )
        lasts = (
            call.facts["locked_until"] > self.world.scheduler.now
            and self.world.locks_wiped_at < call.began - 2 * MINUTE
        )
        return lasts and not followed and call.facts["instance"] is not None

    def call_ended(self, call: Call) -> None:
        """Note that the service has finished a call."""

    def call_left(self, call: Call, answer: httpx.Response | None) -> None:
        """Note that the caller has its response or gave up."""
        if answer is not None:
            call.facts["status"] = answer.status_code
            after = int(answer.headers.get("retry-after", 0))
            if call.key is not None and after and answer.status_code in (429, 503):
                ended = self.world.operators.ended[call.key.rpartition(":")[0]]
                self._not_before()[call.key] = (
                    self.world.scheduler.now + (after - 1) * SECOND,
                    ended,
                )
        if call.path == "/tasks":
            self._looked_up(call, answer)

    def _not_before(self) -> dict[str, tuple[int, int]]:
        """Per key: until when the service requested a wait, and the operator commands by then."""
        if not hasattr(self, "throttled_until"):
            self.throttled_until = {}
        return self.throttled_until

    def _holds(self, call: Call) -> bool:
        if call.left is not None or not call.environment.alive:
            return False
        now = START_EPOCH_US + self.world.scheduler.now
        return any(
            row.account_id == call.account
            and row.status == "running"
            and (row.lease or 0) > now
            and (row.fence == call.fence if call.fence is not None else row.phase == "cancel")
            for row in self.mirror.tasks.values()
        )

    def locked(self, operation: str, request: dict[str, object], taken: bool) -> None:
        """Note a call to the lock table."""
        if operation == "UpdateItem" and not taken:
            self.world.rare("a lock was not to be had")

    def new_key(self, function: str, new: TaskRow, instance: InstanceRow) -> None:
        """I5: a step gets a new key only after the old one failed, or was never accepted."""
        if not hasattr(self, "iterations_at"):
            self.iterations_at = {}
        self.iterations_at[new.task_id] = instance.iterations
        for task_id in reversed(self.mirror.of[new.instance_id][:-1]):
            row = self.mirror.tasks[task_id]
            if row.phase != "submit" or row.step_id != new.step_id:
                continue
            if self.iterations_at.get(task_id) != instance.iterations:
                return
            job = self.world.service.provider.find(task_id)
            if job is not None and job["status"] not in ("failed", "cancelled"):
                self.wrong(
                    "I5",
                    f"{function} made {new.task_id} while the job of {task_id} was {job['status']}",
                )
            self.world.rare("a new key after the old one's work failed")
            return


def _shown(call: Call) -> str:
    return f"{call.method} {call.path} {call.key} fence {call.fence} of {call.environment.name}"
