"""load_credentials returns the encrypted credentials for a registration."""

from __future__ import annotations

import pytest

from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.domain.errors import NotFound
from flamebot.domain.ids import AccountId
from tests.support.builders import an_account
from tests.support.databases import TestDatabase


def test_ciphertext_comes_as_bytes(database: TestDatabase, store: PostgresEngineStore) -> None:
    """The step function gets the stored bytes and the version that they are bound to."""
    account = an_account(
        database,
        config={"a": 1},
        credentials_version=100_002,
        credentials_ciphertext=b"\x00\xffsealed",
        ciphertext_version=100_001,
    )
    assert store.load_credentials(AccountId(account)) == {
        "model_id": "model-1",
        "channel_id": "channel-1",
        "config": {"a": 1},
        "credentials_version": 100_002,
        "ciphertext": b"\x00\xffsealed",
        "ciphertext_version": 100_001,
    }


def test_account_without_credentials_has_none(
    database: TestDatabase, store: PostgresEngineStore
) -> None:
    """An account without credentials has neither bytes nor a ciphertext version."""
    row = store.load_credentials(AccountId(an_account(database)))
    assert (row["ciphertext"], row["ciphertext_version"]) == (None, None)


def test_unknown_account_is_not_found(store: PostgresEngineStore) -> None:
    """An erased account raises NotFound."""
    with pytest.raises(NotFound, match="no such account"):
        store.load_credentials(AccountId("no-such-account"))
