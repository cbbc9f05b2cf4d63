"""The end of a seed: history, tables and the service's ledger must agree."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flamebot.adapters.kms.vault import _associated, _split
from verification.simulation.aws import unwrapped
from verification.simulation.faults import NO_VERDICT
from verification.simulation.mirror import InstanceRow, TaskRow
from verification.simulation.scheduler import MINUTE
from verification.simulation.workload import CANARY

if TYPE_CHECKING:
    from verification.simulation.world import World

_VERDICTS = ("denied", "not_ready", "conflict", "refused", "outcome_unknown", "writer", "throttled")
_TABLES = (
    "accounts",
    "workflow_definitions",
    "workflow_instances",
    "scheduled_tasks",
    "step_history",
    "workflow_locks",
    "import_requests",
    "audit_log",
)
_SQL = {
    "I1, two live instances of one account": """
        select account_id from workflow_instances where is_live group by 1 having count(*) > 1""",
    "I2, a live instance without exactly one live task, or a finished one with one": """
        select i.id from workflow_instances i
          left join scheduled_tasks t on t.workflow_instance_id = i.id and t.is_live
         group by i.id, i.is_live having count(t.task_id) <> i.is_live::int""",
    "I3, a gap in the sequences": """
        select workflow_instance_id from scheduled_tasks group by 1
        having count(*) <> max(sequence) - min(sequence) + 1""",
    "I3, a gap in the history's numbers": """
        select instance_id from step_history group by 1
        having count(*) <> max(sequence) or count(*) <> count(distinct sequence)""",
}


def check_the_end(world: World) -> None:
    """Check history, tables and ledger against each other."""
    _old_messages_do_nothing(world)
    for name, query in _SQL.items():
        if found := world.database.ask(query):
            world.oracle.wrong(name, f"{found}")
    for table in _TABLES:
        if found := world.database.ask(
            f"select to_jsonb(x)::text from {table} x where to_jsonb(x)::text like %s limit 1",
            (f"%{CANARY}%",),
        ):
            world.oracle.wrong("I10", f"credentials in {table}: {found}")
    _mirror_is_true(world)
    _ledger(world)
    _effects_and_history(world)
    _registered(world)
    _no_verdict(world)
    _breakers(world)


def _no_verdict(world: World) -> None:
    """Faults that say nothing about the work fail no workflow that has a second attempt."""
    if not world.faults.enabled or not set(world.faults.enabled) <= set(NO_VERDICT):
        return
    for instance_id, error in world.database.ask(
        "select id::text, last_error from workflow_instances where status = 'failed'"
    ):
        if error.startswith(_VERDICTS) and "(attempt 1 of 1)" not in error:
            world.oracle.wrong("no verdict", f"{instance_id} failed: {error}")


def _breakers(world: World) -> None:
    """A breaker is closed once its service is well and nothing waits."""
    for name, state, openings in world.database.ask(
        "select s.name, s.state, (select count(*) from service_openings o where o.service = s.name)"
        " from services s"
    ):
        for _ in range(openings):
            world.rare(f"a breaker was open: {name}")
        if openings and state != "closed":
            world.rare("a breaker was not closed at the end")


def _old_messages_do_nothing(world: World) -> None:
    """Any message that was ever sent may be delivered again at any time: it changes no row."""
    before = dict(world.oracle.mirror.tasks)
    world.queue.redrive()
    world.scheduler.run(lambda: False, until=world.scheduler.now + 3 * MINUTE, events=10_000)
    if world.oracle.mirror.tasks != before:
        world.oracle.wrong("I3", "an old message changed something")


def _mirror_is_true(world: World) -> None:
    """The oracle's mirror equals the tables."""
    mirror = world.oracle.mirror
    stored = {
        row[0]: row[1:]
        for row in world.database.ask(
            "select task_id, status, fence, attempts from scheduled_tasks"
        )
    }
    seen = {
        row.task_id: (row.status, row.fence, row.attempts)
        for row in mirror.tasks.values()
        if row.task_id not in mirror.deleted
    }
    if stored != seen:
        world.oracle.wrong("the oracle", "it missed something")


def _ledger(world: World) -> None:
    """I5: one body per key, one job per key."""
    ledger = world.service.provider.ledger()
    bodies: dict[str, set[str]] = defaultdict(set)
    for write in ledger["writes"]:
        if write["key"]:
            bodies[write["key"]].add(write["bodyHash"])
    for key, hashes in bodies.items():
        if len(hashes) > 1:
            world.oracle.wrong("I5", f"different requests under {key}")
    for key, count in Counter(job["key"] for job in ledger["jobs"]).items():
        if count > 1:
            world.oracle.wrong("I5", f"{count} jobs under {key}")


def _registered(world: World) -> None:
    """Accounts that the tables call registered have the version that the service received last."""
    known = {account["id"]: account for account in world.service.provider.ledger()["accounts"]}
    for account, version, sealed, model, config in world.database.ask(
        "select flamebot_id, ciphertext_version, credentials_ciphertext, model_id, config"
        " from accounts"
        " where registered_version = credentials_version"
    ):
        credentials = _opened(account, version, bytes(sealed)) if sealed is not None else {}
        digest = hashlib.sha256(
            json.dumps(credentials, sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest()
        received = known[account]
        if (received["credentials_sha256"], received["model_id"], received["config"]) != (
            digest,
            model,
            config,
        ):
            world.oracle.wrong(
                "registration",
                f"the service received another version of {account} than what is registered",
            )


def _opened(account: str, version: int, sealed: bytes) -> Any:
    wrapped, delivery_id, ciphertext = _split(sealed)
    return json.loads(
        AESGCM(unwrapped(wrapped)).decrypt(delivery_id, ciphertext, _associated(account, version))
    )


def _effects_and_history(world: World) -> None:
    """A step that is recorded as completed had its effect exactly once.

    An effect without such a step is reported.
    """
    mirror = world.oracle.mirror
    jobs: dict[str, Any] = {job["key"]: job for job in world.service.provider.ledger()["jobs"]}
    late = {call.key for call in world.service.calls if call.facts.get("late")}
    recorded: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for instance_id, step_id, status, count in world.database.ask(
        "select instance_id::text, step_id, status, count(*) from step_history group by 1, 2, 3"
    ):
        recorded[instance_id, step_id][status] += count
    done: dict[tuple[str, str], list[TaskRow]] = defaultdict(list)
    effects = set()
    for row in mirror.tasks.values():
        if row.phase == "submit":
            effects.add((row.instance_id, row.step_id))
            if row.task_id in jobs and jobs[row.task_id]["status"] == "succeeded":
                done[row.instance_id, row.step_id].append(row)
    for place in sorted(effects):
        completed, others = (
            recorded[place]["completed"],
            sum(recorded[place][s] for s in ("failed", "skipped", "cancelled")),
        )
        happened = len(done[place])
        if completed > happened:
            world.oracle.wrong(
                "I3", f"{place} was completed {completed} times and happened {happened} times"
            )
        instance = mirror.instances[place[0]]
        open_now = instance.live or instance.status == "stopped"
        if happened > completed + others + open_now and not any(
            row.task_id in late for row in done[place]
        ):
            world.oracle.wrong(
                "I5", f"{place} happened {happened} times and is recorded {dict(recorded[place])}"
            )
    for key, job in sorted(jobs.items()):
        if job["status"] in ("pending", "running") and key in mirror.tasks and key not in late:
            _left_open(world, mirror.instances[mirror.tasks[key].instance_id], mirror.tasks[key])


def _left_open(world: World, instance: InstanceRow, submit: TaskRow) -> None:
    """An open job of a finished workflow is one that the workflow's error or history reports."""
    if instance.live or world.deleted(instance.account_id):
        return
    rows = [
        world.oracle.mirror.tasks[task_id]
        for task_id in world.oracle.mirror.of[instance.instance_id]
    ]
    of_step = [
        row for row in rows if row.step_id == submit.step_id and row.sequence >= submit.sequence
    ]
    if any(row.unknown or "unconfirmed" in (row.error or "") for row in of_step):
        world.rare("a job was left open, and it was said so")
    else:
        world.oracle.wrong(
            "I5",
            f"the job of {submit.task_id} is open, {instance.instance_id} is {instance.status}, "
            "and neither error nor history says so",
        )
