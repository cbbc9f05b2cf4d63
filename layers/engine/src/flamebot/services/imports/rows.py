"""Valid accounts as rows to store: the part that imports by request and by file share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flamebot.domain.ids import AccountId
from flamebot.domain.instance import AccountData
from flamebot.ports.admin_store import AccountRow
from flamebot.ports.vault import Secret, Vault
from flamebot.services.imports.validate import AccountInput


class VersionStore(Protocol):
    """The source of credentials versions."""

    def reserve_credentials_versions(self, count: int) -> list[int]:
        """Return `count` credentials versions that no other caller gets."""
        ...


def account_rows(
    accounts: Sequence[AccountInput], store: VersionStore, vault: Vault
) -> list[AccountRow]:
    """Return the accounts as rows, their credentials encrypted under one data key.

    Each account gets a version of its own, which its ciphertext is bound to: the version must be
    reserved before the encryption, and so before it is known which accounts change.
    """
    if not accounts:
        return []
    versions = store.reserve_credentials_versions(len(accounts))
    secrets = [
        Secret(account_id=account.account_id, version=version, credentials=account.credentials)
        for account, version in zip(accounts, versions, strict=True)
        if account.credentials is not None
    ]
    ciphertexts = iter(vault.encrypt(secrets) if secrets else [])
    return [
        AccountRow(
            account_id=account.account_id,
            model_id=account.model_id,
            channel_id=account.channel_id,
            config=account.config,
            version=version,
            ciphertext=next(ciphertexts) if account.credentials is not None else None,
        )
        for account, version in zip(accounts, versions, strict=True)
    ]


def account_data(account: AccountInput) -> AccountData:
    """Return the account as the start of its workflow is planned.

    The plan lacks the fields that the row leaves out and the table may hold. That is safe: the
    first task's request depends on the definition only, and a text is generated when its task
    runs, from the account as stored.
    """
    return AccountData(
        account_id=AccountId(account.account_id),
        model_id=account.model_id or "",
        channel_id=account.channel_id or "",
        config=account.config or {},
    )
