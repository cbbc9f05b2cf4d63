"""delete_old_requests: requests whose key has expired are deleted."""

from __future__ import annotations

from flamebot.ports.admin_store import IdempotencyRecord
from tests.support.databases import TestDatabase
from tests.support.stores import ALICE, control, maintenance


def test_requests_older_than_a_day_are_deleted(database: TestDatabase) -> None:
    """Age is wall time, and a call deletes one batch."""
    for key in ("old", "new"):
        record = IdempotencyRecord(principal="alice", key=key, salt=b"s", digest=b"d", answer={})
        control(database).import_accounts([], [], record, ALICE)
    database.rows(
        "update import_requests set created_at = created_at - interval '24 hours' where key = 'old'"
    )
    assert maintenance(database).delete_old_requests() == 1
    assert database.value("select array_agg(key) from import_requests") == ["new"]
    assert maintenance(database).delete_old_requests() == 0


def test_a_batch_is_a_thousand(database: TestDatabase) -> None:
    """A bounded batch holds its locks for a short time."""
    database.rows(
        "insert into import_requests (principal, key, salt, digest, response, created_at)"
        " select 'p', n::text, '', '', '{}', clock_timestamp() - interval '2"
        " days' from generate_series(1, 1500) n"
    )
    assert [maintenance(database).delete_old_requests() for _ in range(3)] == [1000, 500, 0]
