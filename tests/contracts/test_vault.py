"""The promises of the port Vault, kept by KMS (I10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flamebot.adapters.kms.vault import KmsVault
from flamebot.domain.errors import Unavailable, VaultError
from flamebot.ports.vault import Secret
from tests.contracts.endpoints import client, free_port

SECRET = Secret(
    account_id="acct-1",
    version=7,
    credentials={"token": "planted-credential", "n": 1, "name": "Zo\u00eb"},
)


@pytest.fixture(scope="session")
def key_id(aws: Callable[[str], Any]) -> str:
    """A KMS key."""
    identifier: str = aws("kms").create_key()["KeyMetadata"]["KeyId"]
    return identifier


class CountingKms:
    """A KMS client that remembers what it was asked."""

    def __init__(self, kms: Any) -> None:
        self.kms = kms
        self.asked: list[str] = []
        self.requests: list[dict[str, Any]] = []

    def __getattr__(self, operation: str) -> Any:
        """Any operation, counted and passed on."""

        def ask(**request: Any) -> Any:
            self.asked.append(operation)
            self.requests.append(request)
            return getattr(self.kms, operation)(**request)

        return ask


@pytest.fixture
def kms(aws: Callable[[str], Any]) -> CountingKms:
    """The real client, counting."""
    return CountingKms(aws("kms"))


def test_what_was_encrypted_is_decrypted(kms: CountingKms, key_id: str) -> None:
    """A secret comes back as it was, for its account and version, also as a memoryview from the database."""
    vault = KmsVault(kms, key_id)
    (blob,) = vault.encrypt([SECRET])
    assert vault.decrypt("acct-1", 7, blob) == SECRET.credentials
    assert vault.decrypt("acct-1", 7, memoryview(blob)) == SECRET.credentials  # type: ignore[arg-type]


def test_a_batch_costs_one_data_key(kms: CountingKms, key_id: str) -> None:
    """A batch is encrypted under one data key, with a nonce each, and decrypted with one call to KMS."""
    vault = KmsVault(kms, key_id)
    secrets = [
        Secret(account_id=f"a{n}", version=n, credentials={"token": "the same"}) for n in range(50)
    ]
    blobs = vault.encrypt(secrets)
    assert [
        vault.decrypt(s.account_id, s.version, blob) for s, blob in zip(secrets, blobs, strict=True)
    ] == [s.credentials for s in secrets]
    assert kms.asked == ["generate_data_key", "decrypt"]
    assert all(
        request["EncryptionContext"] == {"purpose": "flamebot-credentials"}
        for request in kms.requests
    )
    assert len({blob[-40:] for blob in blobs}) == 50


def test_an_empty_batch_costs_nothing(kms: CountingKms, key_id: str) -> None:
    """Accounts without credentials need no data key."""
    assert KmsVault(kms, key_id).encrypt([]) == []
    assert kms.asked == []


def test_the_blob_shows_nothing(kms: CountingKms, key_id: str) -> None:
    """No part of a credential is in its ciphertext (I10)."""
    (blob,) = KmsVault(kms, key_id).encrypt([SECRET])
    assert b"planted" not in blob
    assert b"token" not in blob


def test_what_cannot_be_written_is_not_shown(kms: CountingKms, key_id: str) -> None:
    """Credentials that are no JSON are refused without being shown."""
    with pytest.raises(VaultError) as caught:
        KmsVault(kms, key_id).encrypt(
            [Secret(account_id="a", version=1, credentials={"token": b"planted"})]
        )
    assert "planted" not in repr(caught.value)
    assert caught.value.__suppress_context__


def test_keys_are_forgotten_after_five_minutes(kms: CountingKms, key_id: str) -> None:
    """A decrypted data key is kept for five minutes, not longer."""
    now = 0.0
    vault = KmsVault(kms, key_id, monotonic=lambda: now)
    (blob,) = vault.encrypt([SECRET])
    for now in (0.0, 299.0, 301.0, 302.0):  # noqa: B007  # read by the vault's clock
        vault.decrypt("acct-1", 7, blob)
    assert kms.asked.count("decrypt") == 2


def test_at_most_two_hundred_keys_are_kept(kms: CountingKms, key_id: str) -> None:
    """The memory for data keys is bounded; the oldest go first."""
    vault = KmsVault(kms, key_id)
    blobs = [vault.encrypt([SECRET])[0] for _ in range(201)]
    for blob in blobs:
        vault.decrypt("acct-1", 7, blob)
    kms.asked.clear()
    vault.decrypt("acct-1", 7, blobs[-1])
    assert kms.asked == []
    vault.decrypt("acct-1", 7, blobs[0])
    assert kms.asked == ["decrypt"]


def test_a_key_service_that_is_down_is_unavailable(kms: CountingKms, key_id: str) -> None:
    """Nobody there is `Unavailable`, which may be tried again; a tampered blob never is."""
    (blob,) = KmsVault(kms, key_id).encrypt([SECRET])
    vault = KmsVault(client("kms", f"http://127.0.0.1:{free_port()}"), key_id)
    with pytest.raises(Unavailable):
        vault.encrypt([SECRET])
    with pytest.raises(Unavailable):
        vault.decrypt("acct-1", 7, blob)


def test_a_missing_key_is_unavailable(aws: Callable[[str], Any]) -> None:
    """A key that is gone or disabled is the operator's to mend: `Unavailable`, by the service's code."""
    with pytest.raises(Unavailable, match="NotFoundException"):
        KmsVault(aws("kms"), "00000000-0000-0000-0000-000000000000").encrypt([SECRET])
