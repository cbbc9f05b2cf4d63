"""SQL functions that tests/support/builders.py does not have, each on a given session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flamebot.adapters.postgres.rows import decision_json, start_row_json, to_json
from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.ports.admin_store import StartRow
from tests.support.builders import HORIZON, LEASE, NOON, Asker, a_submit, after, an_entry
from tests.support.databases import Row
from tests.support.race import Call

EXPIRE = (
    "update scheduled_tasks set lease_expires_at = clock_timestamp() - interval '1 s'"
    " where lease_expires_at is not null"
)
ONWARD = Decision(
    task=None,
    instance=InstanceWrite(current_step=1),
    history=(an_entry("skipped"),),
    next=a_submit(NOON),
)


def skip(instance_id: str, revision: int = 0, now: datetime = NOON) -> Call:
    """Return a call of skip_step, onward to a submit that is due at once."""
    params = (instance_id, revision, to_json(decision_json(ONWARD)), now, HORIZON, LEASE)
    return lambda session: session.one(
        "select skip_step(%s, %s, %s, %s, %s, %s, 1, 'a', null) as answer", params
    )["answer"]


def retry(instance_id: str, revision: int = 1) -> Call:
    """Return a call of retry_workflow.

    A submit that is due at once follows, unless the task is reopened.
    """
    decision = Decision(task=None, instance=InstanceWrite(current_step=2), next=a_submit(NOON))
    params = (instance_id, revision, to_json(decision_json(decision)), NOON, HORIZON, LEASE)
    return lambda session: session.one(
        "select retry_workflow(%s, %s, %s, %s, %s, %s, 1, 'a', null) as answer", params
    )["answer"]


def hurry(instance_id: str, revision: int = 0, now: datetime = NOON) -> Call:
    """Return a call of run_workflow_now."""
    params = (instance_id, revision, now, LEASE)
    return lambda session: session.one(
        "select run_workflow_now(%s, %s, %s, %s, 'a', null) as answer", params
    )["answer"]


def resend(session: Asker) -> list[Row]:
    """Return a call of resend_expired."""
    return session.rows("select * from resend_expired(100, %s)", (LEASE,))


def erase(account_id: str) -> Call:
    """Return a call of delete_account."""
    return lambda session: session.rows("select delete_account(%s, 'a', null)", (account_id,))


def clean_up(session: Asker) -> int:
    """Call delete_finished_tasks a year later."""
    return int(session.value("select delete_finished_tasks(%s, 100)", (after(days=365),)))


def import_(
    *account_ids: str,
    starts: Sequence[StartRow] = (),
    key: str | None = None,
    version: int = 100_001,
    model: str = "m",
) -> Call:
    """Return a call of import_accounts: complete accounts with credentials, and perhaps starts."""
    accounts = [
        {
            "flamebot_id": name,
            "model_id": model,
            "channel_id": "c",
            "config": {"a": 1},
            "version": version,
            "ciphertext": "eHh4",
        }
        for name in account_ids
    ]
    params = {
        "accounts": to_json(accounts),
        "starts": to_json([start_row_json(row) for row in starts]),
        "key": key,
        "now": NOON,
        "horizon": HORIZON,
        "lease": LEASE,
    }
    sql = """select import_accounts(%(accounts)s, %(starts)s, 'alice', %(key)s, 's', 'd', '{}', 'a',
        null,
                                    %(now)s, %(horizon)s, %(lease)s, 1) as answer"""
    return lambda session: session.one(sql, params)["answer"]


def mark(account_id: str, version: int) -> Call:
    """Return a call of mark_registered."""
    return lambda session: session.value("select mark_registered(%s, %s)", (account_id, version))


def lock(delivery_id: str, instance: str = "i1", sequence: int = 3, fence: int = 7) -> Call:
    """Call acquire_account_lock and return the verdict."""
    params = (delivery_id, instance, sequence, fence)
    return lambda session: session.value(
        "select verdict from acquire_account_lock('a', %s, %s, %s, %s, '5 minutes', '90 s')", params
    )


def sweep(session: Asker) -> int:
    """Return a call of delete_expired_locks."""
    return int(session.value("select delete_expired_locks()"))
