"""set_account_status stores the status that the actions service reported last."""

from __future__ import annotations

from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.domain.ids import AccountId
from tests.support.builders import an_account
from tests.support.databases import TestDatabase


def test_status_is_remembered(database: TestDatabase, store: PostgresEngineStore) -> None:
    """The status is stored; the same status again changes nothing."""
    account = an_account(database)
    store.set_account_status(AccountId(account), "suspended")
    first = database.one("select status, updated_at from accounts")
    store.set_account_status(AccountId(account), "suspended")
    assert database.one("select status, updated_at from accounts") == first
    assert first["status"] == "suspended"
    store.set_account_status(AccountId(account), "active")
    assert database.value("select status from accounts") == "active"
