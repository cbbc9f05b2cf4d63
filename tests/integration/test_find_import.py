"""find_import finds a request for a day, and for its caller only."""

from __future__ import annotations

from flamebot.ports.admin_store import IdempotencyRecord
from tests.support.databases import TestDatabase
from tests.support.stores import ALICE, control

RECORD = IdempotencyRecord(
    principal="alice", key="k1", salt=bytes(range(16)), digest=bytes(range(32)), answer={"rows": []}
)


def test_salt_and_digest_are_returned_unchanged(database: TestDatabase) -> None:
    """Python compares the digests; SQL only stores them."""
    control(database).import_accounts([], [], RECORD, ALICE)
    found = control(database).find_import("alice", "k1")
    assert found is not None
    assert (found.principal, found.key, found.salt, found.digest) == (
        "alice",
        "k1",
        RECORD.salt,
        RECORD.digest,
    )
    assert found.answer == {
        "request": {"rows": []},
        "imported": {"accounts": {}, "started": [], "incomplete": {}},
    }


def test_a_key_belongs_to_its_caller(database: TestDatabase) -> None:
    """The same key of another caller finds nothing."""
    control(database).import_accounts([], [], RECORD, ALICE)
    assert control(database).find_import("bob", "k1") is None
    assert control(database).find_import("alice", "k2") is None


def test_a_key_expires_after_a_day(database: TestDatabase) -> None:
    """It expires by wall time, whether maintenance has run or not."""
    control(database).import_accounts([], [], RECORD, ALICE)
    database.rows("update import_requests set created_at = created_at - interval '24 hours'")
    assert control(database).find_import("alice", "k1") is None
