"""mark_registered is a compare-and-set on the credentials version."""

from __future__ import annotations

from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.domain.ids import AccountId
from tests.support.builders import an_account
from tests.support.databases import TestDatabase


def test_only_the_current_version_can_be_marked(
    database: TestDatabase, store: PostgresEngineStore
) -> None:
    """Credentials that were replaced while they were being registered stay unregistered."""
    account = an_account(database, credentials_version=100_005)
    assert store.mark_registered(AccountId(account), 100_004) is False
    assert database.value("select registered_version from accounts") is None
    assert store.mark_registered(AccountId(account), 100_005) is True
    assert store.mark_registered(AccountId(account), 100_005) is True
    assert database.value("select registered_version from accounts") == 100_005
