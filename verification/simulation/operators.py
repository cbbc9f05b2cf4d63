"""Operators: fibers that call the real API at any time, trust only responses, and check them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from verification.simulation import workload
from verification.simulation.mirror import InstanceRow
from verification.simulation.scheduler import MINUTE, SECOND

if TYPE_CHECKING:
    from verification.simulation.world import World

Json = dict[str, Any]
_CONTROLS = {
    "pause": 6,
    "resume": 5,
    "stop": 3,
    "retry": 5,
    "skip-step": 2,
    "run-now": 4,
    "pause-all": 2,
    "resume-all": 3,
    "publish": 1,
    "import": 2,
    "start": 4,
    "delete": 1,
    "maintenance": 1,
}


class Operators:
    """All callers that have a token."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.rng
        self.types: list[str] = []
        self.accounts: list[str] = []
        self.calling: list[
            tuple[str, str]
        ] = []  # (action, subject) of calls whose outcome is unknown
        self.ended: Counter[str] = Counter()
        # no other caller addressed the same subject while the last call was open
        self.alone = True
        self._imports = 0

    # Start of a seed

    def set_up(self) -> None:
        """Publish a few definitions."""
        for number in range(self._rng.randint(1, 3)):
            document = workload.definition(self._rng, f"flow{number}")
            answer = self._world.platform.ask(
                "api", "PUT", f"/v1/definitions/flow{number}", document, if_none_match="*"
            )
            assert answer is not None, "no fault before the beginning"
            assert answer[0] == 201, answer
            self.types.append(f"flow{number}")
        self.accounts = [f"acc{number}" for number in range(self._rng.randint(2, 6))]

    def import_all(self) -> None:
        """Import every account in a few requests, each repeated until it is acknowledged."""
        left = list(self.accounts)
        while left:
            count = self._rng.randint(1, len(left))
            batch, left = left[:count], left[count:]
            self.import_some(batch, start=True)
            self._world.scheduler.sleep(self._rng.randint(0, 20 * SECOND))

    def import_some(self, accounts: list[str], *, start: bool) -> None:
        """Repeat one import until it is acknowledged.

        With a key it is the same import each time.
        """
        world, rng = self._world, self._rng
        self._imports += 1
        actor = f"importer{self._imports}"
        rows = [workload.account_row(rng, account) for account in accounts]
        bad = workload.bad_row(rng) if rng.random() < 0.3 else None
        body: Json = {
            "accounts": [*rows, *([bad] if bad else [])],
            "startAutomation": start,
            "workflowType": rng.choice(self.types),
        }
        if rng.random() < 0.3:
            body["spreadSeconds"] = rng.randint(1, 120)
        headers = {"idempotency_key": f"key-{self._imports}"} if rng.random() < 0.5 else {}
        for _ in range(12):
            answer = world.platform.ask(
                "import_accounts", "POST", "/v1/accounts/import", body, actor=actor, **headers
            )
            if answer is not None and answer[0] == 200:
                self._imported(
                    answer[1],
                    rows,
                    actor=actor,
                    keyed=bool(headers),
                    replayed="idempotent-replayed" in _lower(answer[2]),
                )
                return
            world.scheduler.sleep(rng.randint(SECOND, 60 * SECOND))

    def _imported(
        self, answer: Json, rows: list[Json], *, actor: str, keyed: bool, replayed: bool
    ) -> None:
        """I9: acknowledged rows are stored, rejected ones are not, a keyed request ran once."""
        world = self._world
        if replayed:
            world.rare("an import was repeated under its key")
        stored = {account for (account,) in world.database.ask("select flamebot_id from accounts")}
        for row in rows:
            if (
                row["accountId"] not in stored
                and ("delete", row["accountId"]) not in self.calling
                and not world.deleted(row["accountId"])
            ):
                world.oracle.wrong("I9", f"{row['accountId']} was acknowledged and is not stored")
        for result in answer["results"]:
            if result["status"] == "rejected" and result["accountId"] in stored:
                world.oracle.wrong("I9", f"{result['accountId']} was rejected and is stored")
            instance = result["workflow"]["instanceId"]
            if (
                result["workflow"]["status"] == "started"
                and instance not in world.oracle.mirror.instances
            ):
                world.oracle.wrong("I9", f"{instance} was acknowledged and is not stored")
        if keyed:
            done = world.database.ask(
                "select subject, count(*) from audit_log where actor = %s"
                " and action = 'import_accounts' group by 1 having count(*) > 1",
                (actor,),
            )
            if done:
                world.oracle.wrong("I9", f"an import was done twice under one key: {done}")

    # While faults last

    def control(self) -> None:
        """Make a call from time to time while faults last."""
        world, rng = self._world, self._rng
        while world.faults.on and not world.over:
            world.scheduler.sleep(
                world.long_outage() + rng.randint(SECOND, rng.choice([20, 120, 400]) * SECOND)
            )
            if world.faults.on:
                self.act(rng.choices(list(_CONTROLS), list(_CONTROLS.values()))[0])

    def act(self, what: str) -> None:
        """Make one control call or import."""
        world, rng = self._world, self._rng
        world.operated += 1
        if what in ("pause-all", "resume-all"):
            self._global(what)
        elif what == "publish":
            self._publish(rng.choice(self.types))
        elif what == "import":
            self.import_some([rng.choice(self.accounts)], start=rng.random() < 0.5)
        elif what == "start":
            self.call(
                "POST",
                f"/v1/accounts/{(account := rng.choice(self.accounts))}/workflows",
                {"workflowType": rng.choice(self.types)},
                about=account,
            )
        elif what == "delete":
            self._delete(rng.choice(self.accounts))
        elif what == "maintenance":
            world.platform.maintenance()
        else:
            instances = [
                i
                for i in world.oracle.mirror.instances.values()
                if i.live or (what == "retry" and i.status == "failed")
            ]
            unknown = [
                i
                for i in instances
                if (task := world.oracle.mirror.live_task(i.instance_id))
                and task.phase == "submit"
                and task.unknown
            ]
            if (
                what == "stop" and unknown and rng.random() < 0.7
            ):  # prefer a workflow whose write may be executing: the hard case
                instances = unknown
            if instances:
                self.on_instance(what, rng.choice(instances))

    def on_instance(self, what: str, instance: InstanceRow) -> Any:
        """Make a control call and compare its response with the tables."""
        world = self._world
        body = (
            {"clock": self._rng.choice(["freeze", "run_on"])}
            if what == "resume"
            else {"reason": "because"}
        )
        answer = self.call(
            "POST", f"/v1/workflows/{instance.instance_id}/{what}", body, about=instance.instance_id
        )
        if answer is None or answer[0] != 200:
            return answer
        now = world.oracle.mirror.instances[instance.instance_id]
        if self.alone:
            if what == "pause" and now.status == "active":
                world.oracle.wrong("I7", f"{instance.instance_id} was paused, and is {now.status}")
            if what == "stop" and now.status not in ("stopping", "stopped"):
                world.oracle.wrong("I7", f"{instance.instance_id} was stopped, and is {now.status}")
        if what == "pause" and answer[1]["effectInFlight"]:
            world.rare("paused with an effect in flight")
        if what == "stop" and answer[1]["status"] == "stopping":
            world.rare("stopping")
        return answer

    def call(
        self, method: str, path: str, body: Json | None = None, *, about: str = "", **headers: str
    ) -> Any:
        """Call the API. A call without a response may still take effect, now or later."""
        mark = (path.rpartition("/")[2] if method != "DELETE" else "delete", about)
        alone = not any(other == about for _, other in self.calling)
        ended = self.ended[about]
        self.calling.append(mark)
        answer = self._world.platform.ask("api", method, path, body, **headers)
        if answer is not None and answer[0] < 500:
            self.calling.remove(mark)
        self.alone = (
            alone
            and self.ended[about] == ended
            and not any(other == about for _, other in self.calling)
        )
        self.ended[about] += 1
        self._world.trace(f"operator {method} {path} -> {answer and answer[0]}")
        if answer is not None:
            self._world.answered[f"{mark[0]} {answer[0]}"] += 1
        return answer

    def _global(self, what: str) -> None:
        world = self._world
        answer = self.call("POST", f"/v1/control/{what}", {}, about="engine")
        if answer is None or answer[0] != 200:
            return
        if self.alone and world.oracle.mirror.paused != (what == "pause-all"):
            world.oracle.wrong(
                "I7", f"{what} was acknowledged, and paused is {world.oracle.mirror.paused}"
            )
        if what == "resume-all":
            world.resumed()

    def _publish(self, name: str) -> None:
        current = self.call("GET", f"/v1/definitions/{name}")
        if current is None or current[0] != 200:
            return
        document = workload.definition(self._rng, name)
        self.call("PUT", f"/v1/definitions/{name}", document, if_match=_lower(current[2])["etag"])

    def _delete(self, account: str) -> None:
        answer = self.call("DELETE", f"/v1/accounts/{account}", about=account)
        if answer is not None and answer[0] == 204:
            self._world.rare("an account was erased")

    # End of a seed

    def settle(self) -> None:
        """After faults have stopped.

        Activate accounts, retry failed workflows, resume most paused ones.
        """
        world, rng = self._world, self._rng
        world.scheduler.sleep(rng.randint(SECOND, 3 * MINUTE))
        while world.still_asking():  # a call that froze on its way may only now take effect
            world.scheduler.sleep(10 * SECOND)
        self._global("resume-all")
        for account in self.accounts:
            world.service.provider.set_status(account, "active")
        for instance in sorted(world.oracle.mirror.instances.values()):
            if instance.status == "paused" and rng.random() < 0.7:
                self.on_instance("resume", instance)
            elif instance.status == "failed" and rng.random() < 0.7:
                self.on_instance("retry", instance)
        world.settling = True

    def stop_endless(self) -> None:
        """Stop workflows that loop for ever."""
        for instance in sorted(self._world.oracle.mirror.instances.values()):
            steps, _ = self._world.oracle.definition(instance.definition_id)
            if instance.live and any(step.get("infiniteAllowed") for step in steps.values()):
                self.on_instance("stop", instance)


def _lower(headers: Json) -> Json:
    return {name.lower(): value for name, value in headers.items()}
