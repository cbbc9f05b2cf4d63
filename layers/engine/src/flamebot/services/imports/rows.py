"""Accounts that were judged good, as rows to store: what every import does alike, by request or by file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from flamebot.domain.definition import Definition
from flamebot.domain.instance import AccountData
from flamebot.ports.control_store import AccountRow, StartRow
from flamebot.ports.vault import Secret, Vault
from flamebot.services.imports.validate import AccountInput
from flamebot.services.workflows.start import planned_start


class VersionStore(Protocol):
    """Who hands out credentials versions."""

    def reserve_credentials_versions(self, count: int) -> list[int]:
        """Credentials versions that nobody else will ever get."""
        ...


def encrypted(
    accounts: Sequence[AccountInput], store: VersionStore, vault: Vault
) -> list[AccountRow]:
    """Rows to store: each with a version of its own, all credentials under one data key."""
    versions = store.reserve_credentials_versions(len(accounts)) if accounts else []
    secrets = [
        Secret(account_id=account.flamebot_id, version=version, credentials=account.credentials)
        for account, version in zip(accounts, versions, strict=True)
        if account.credentials is not None
    ]
    ciphertexts = iter(vault.encrypt(secrets) if secrets else [])
    return [
        AccountRow(
            flamebot_id=account.flamebot_id,
            model_id=account.model_id,
            channel_id=account.channel_id,
            config=account.config,
            version=version,
            ciphertext=next(ciphertexts) if account.credentials is not None else None,
        )
        for account, version in zip(accounts, versions, strict=True)
    ]


def start_of(definition: Definition, account: AccountInput, at: datetime) -> StartRow:
    """An account's start.

    The first task is planned without what the row leaves out. That is enough: a request that is drawn here is made of
    the definition, and a text is asked for when its task runs, with the account as it was stored.
    """
    data = AccountData(
        account_id=account.flamebot_id,
        model_id=account.model_id or "",
        channel_id=account.channel_id or "",
        config=account.config or {},
    )
    return planned_start(definition, data, at)
