"""The verdict of a run: promises, database and the actions service's ledger must agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.e2e.local_stack import Json
from tests.e2e.proof import broken_invariants, effect_issues, submitted_tasks
from verification.chaos.ledger import EFFECTS as EFFECT_OPERATIONS
from verification.chaos.ledger import effects_begun_while_paused, unexplained_overlaps
from verification.chaos.log_reader import CANARY
from verification.chaos.pace import MAX_ATTEMPTS, MAX_RECLAIMS
from verification.chaos.workload import EFFECTS, TYPE, Workload
from verification.chaos.world import World

_SHOWN = 5
_REFUSED_BY_FAULT = (429, 503)
_INSTANCES = """
    select i.account_id, i.id::text, i.status, i.last_error, d.version
      from workflow_instances i join workflow_definitions d on d.id = i.workflow_id
     where d.type = %s"""
_LIMITS = f"""
    select task_id, attempts, reclaims from scheduled_tasks
     where attempts > {MAX_ATTEMPTS} or reclaims > {MAX_RECLAIMS}"""
_FAILED_STEPS = (
    "select instance_id::text, step_id, status, error from step_history where status = 'failed'"
)
_TABLES = """
    select c.oid::regclass::text as name from pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
       and not c.relispartition"""


@dataclass(slots=True)
class Verdict:
    """The violations and the figures of a run."""

    issues: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, found: object) -> None:
        """Note a list that should be empty."""
        if found:
            shown = list(found)[:_SHOWN] if isinstance(found, list | dict) else found
            self.issues.append(
                f"{what}: {len(found) if isinstance(found, list | dict) else ''} {shown}"
            )


def evaluate(world: World, workload: Workload) -> Verdict:
    """Check everything once nothing moves any more."""
    verdict = Verdict()
    ledger = world.ledger()
    _check_instances(verdict, world, workload)
    _check_ledger(verdict, world, workload, ledger)
    for name, rows in broken_invariants(world.rows).items():
        verdict.add(name, rows)
    verdict.add("I8, attempts or reclaims beyond their limits", world.rows(_LIMITS))
    verdict.add(
        "a step failed", [row for row in world.rows(_FAILED_STEPS) if not _is_a_stop(workload, row)]
    )
    _check_secrets(verdict, world)
    counts = world.rows(
        "select (select count(*) from scheduled_tasks) as tasks,"
        " (select count(*) from step_history) as steps"
    )
    verdict.figures |= counts[0]
    return verdict


def _is_a_stop(workload: Workload, row: Json) -> bool:
    stopped = {workload.promises.workflows[account] for account in workload.promises.to_be_stopped}
    return row["instance_id"] in stopped


def _check_instances(verdict: Verdict, world: World, workload: Workload) -> None:
    """I9, I11: each account has the one acknowledged workflow, on its version, at its end."""
    promises = workload.promises
    verdict.add(
        "accounts never acknowledged",
        [account for account in workload.accounts if account not in promises.workflows],
    )
    instances = world.rows(_INSTANCES, TYPE)
    times = Counter(row["account_id"] for row in instances)
    verdict.add(
        "I9, more than one workflow of an account",
        [account for account, found in times.items() if found > 1],
    )
    stored = {row["flamebot_id"] for row in world.rows("select flamebot_id from accounts")}
    verdict.add(
        "I9, acknowledged and not stored",
        [account for account in promises.workflows if account not in stored],
    )
    by_account = {row["account_id"]: row for row in instances}
    for account, workflow in promises.workflows.items():
        row = by_account.get(account)
        ends = ("completed", "stopped") if account in promises.to_be_stopped else ("completed",)
        if row is None or row["id"] != workflow or row["status"] not in ends:
            verdict.add(
                "I9, not what was acknowledged, or not at its end",
                [{"account": account, "workflow": workflow, "found": row}],
            )
        elif row["version"] != promises.versions[account]:
            verdict.add("I11, on another version than it was started with", [row])
    verdict.figures |= {
        f"workflows {status}": found
        for status, found in Counter(row["status"] for row in instances).items()
    }


def _check_ledger(verdict: Verdict, world: World, workload: Workload, ledger: Json) -> None:
    """I4, I5, I7: check the ledger of the service."""
    promises = workload.promises
    operations = {account: EFFECTS[version] for account, version in promises.versions.items()}
    stopped = {
        row["account_id"]
        for row in world.rows("select account_id from workflow_instances where status = 'stopped'")
    }
    issues = effect_issues(
        ledger, promises.workflows, operations, submitted_tasks(world.rows), partly=stopped
    )
    verdict.add("I5, the ledger", issues)
    strangers = [
        job["account"] for job in ledger["jobs"] if job["account"] not in promises.workflows
    ]
    verdict.add("I5, effects for accounts that were never acknowledged", strangers)
    verdict.add(
        "jobs left open",
        [job["key"] for job in ledger["jobs"] if job["status"] not in ("succeeded", "cancelled")],
    )
    overlaps, lapsed = unexplained_overlaps(ledger["writes"], world.pace.lease)
    verdict.add("I4, writes at the same time while leases held", overlaps)
    begun, given_up = effects_begun_while_paused(ledger["writes"], promises.pauses)
    verdict.add("I7, effects begun after a pause was acknowledged", begun)
    refused = [
        w for w in ledger["writes"] if w["status"] not in (200, 202, None, 409, *_REFUSED_BY_FAULT)
    ]
    verdict.add("writes that the service refused", refused)
    requests = [write for write in ledger["writes"] if write["operation"] in EFFECT_OPERATIONS]
    keys = Counter(write["key"] for write in requests)
    verdict.figures |= {
        "effect requests": len(requests),
        "effects": len(ledger["jobs"]),
        "effects requested more than once": sum(times > 1 for times in keys.values()),
        "stale writes refused by the service": sum(
            write["status"] == 409 for write in ledger["writes"]
        ),
        "overlaps after a lease ran out": lapsed,
        "sent in a pause by the given up": given_up,
        "pauses watched": len(promises.pauses),
    }


def _check_secrets(verdict: Verdict, world: World) -> None:
    """I10: no credential stands in a log or a table."""
    world.log.read()
    verdict.add("I10, credentials in a log", world.log.leaks)
    for table in world.rows(_TABLES):
        found = world.rows(
            f"select count(*) as rows from {table['name']} t where t::text like %s", f"%{CANARY}%"
        )
        if found[0]["rows"]:
            verdict.add(
                "I10, credentials in a table", [f"{table['name']}: {found[0]['rows']} rows"]
            )
