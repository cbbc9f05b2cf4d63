"""The contract of the port Vault, with KMS (I10)."""

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
    """Return the id of a KMS key."""
    identifier: str = aws("kms").create_key()["KeyMetadata"]["KeyId"]
    return identifier


class CountingKms:
    """A KMS client that records its calls."""

    def __init__(self, kms: Any) -> None:
        self.kms = kms
        self.calls: list[str] = []
        self.requests: list[dict[str, Any]] = []

    def __getattr__(self, operation: str) -> Any:
        """Return any operation, which is counted."""

        def ask(**request: Any) -> Any:
            self.calls.append(operation)
            self.requests.append(request)
            return getattr(self.kms, operation)(**request)

        return ask


@pytest.fixture
def kms(aws: Callable[[str], Any]) -> CountingKms:
    """Return the real client with a count of calls."""
    return CountingKms(aws("kms"))


def test_what_was_encrypted_is_decrypted(kms: CountingKms, key_id: str) -> None:
    """A secret is unchanged for its account and version, also from a memoryview."""
    vault = KmsVault(kms, key_id)
    (blob,) = vault.encrypt([SECRET])
    assert vault.decrypt("acct-1", 7, blob) == SECRET.credentials
    assert vault.decrypt("acct-1", 7, memoryview(blob)) == SECRET.credentials  # type: ignore[arg-type]


def test_a_batch_costs_one_data_key(kms: CountingKms, key_id: str) -> None:
    """A batch has one data key and a nonce per secret; one call to KMS decrypts it."""
    vault = KmsVault(kms, key_id)
    secrets = [
        Secret(account_id=f"a{n}", version=n, credentials={"token": "the same"}) for n in range(50)
    ]
    blobs = vault.encrypt(secrets)
    assert [
        vault.decrypt(s.account_id, s.version, blob) for s, blob in zip(secrets, blobs, strict=True)
    ] == [s.credentials for s in secrets]
    assert kms.calls == ["generate_data_key", "decrypt"]
    assert all(
        request["EncryptionContext"] == {"purpose": "flamebot-credentials"}
        for request in kms.requests
    )
    assert len({blob[-40:] for blob in blobs}) == 50


def test_an_empty_batch_costs_nothing(kms: CountingKms, key_id: str) -> None:
    """Accounts without credentials need no data key."""
    assert KmsVault(kms, key_id).encrypt([]) == []
    assert kms.calls == []


def test_the_blob_shows_nothing(kms: CountingKms, key_id: str) -> None:
    """I10: no part of a credential is in its ciphertext."""
    (blob,) = KmsVault(kms, key_id).encrypt([SECRET])
    assert b"planted" not in blob
    assert b"token" not in blob


def test_what_cannot_be_written_is_not_shown(kms: CountingKms, key_id: str) -> None:
    """Credentials that are not JSON are refused by an error that does not show them."""
    with pytest.raises(VaultError) as caught:
        KmsVault(kms, key_id).encrypt(
            [Secret(account_id="a", version=1, credentials={"token": b"planted"})]
        )
    assert "planted" not in repr(caught.value)
    assert caught.value.__suppress_context__


def test_keys_are_forgotten_after_five_minutes(kms: CountingKms, key_id: str) -> None:
    """A decrypted data key is cached for five minutes."""
    now = 0.0
    vault = KmsVault(kms, key_id, monotonic=lambda: now)
    (blob,) = vault.encrypt([SECRET])
    for now in (0.0, 299.0, 301.0, 302.0):  # noqa: B007  # read by the vault's clock
        vault.decrypt("acct-1", 7, blob)
    assert kms.calls.count("decrypt") == 2


def test_at_most_two_hundred_keys_are_kept(kms: CountingKms, key_id: str) -> None:
    """The cache of data keys is bounded; the oldest ones are dropped."""
    vault = KmsVault(kms, key_id)
    blobs = [vault.encrypt([SECRET])[0] for _ in range(201)]
    for blob in blobs:
        vault.decrypt("acct-1", 7, blob)
    kms.calls.clear()
    vault.decrypt("acct-1", 7, blobs[-1])
    assert kms.calls == []
    vault.decrypt("acct-1", 7, blobs[0])
    assert kms.calls == ["decrypt"]


def test_a_key_service_that_is_down_is_unavailable(kms: CountingKms, key_id: str) -> None:
    """A refused connection is `Unavailable`; a ciphertext that was changed is `VaultError`."""
    (blob,) = KmsVault(kms, key_id).encrypt([SECRET])
    vault = KmsVault(client("kms", f"http://127.0.0.1:{free_port()}"), key_id)
    with pytest.raises(Unavailable):
        vault.encrypt([SECRET])
    with pytest.raises(Unavailable):
        vault.decrypt("acct-1", 7, blob)


def test_a_missing_key_is_unavailable(aws: Callable[[str], Any]) -> None:
    """A missing or disabled key is `Unavailable`: an operator can restore it."""
    with pytest.raises(Unavailable, match="NotFoundException"):
        KmsVault(aws("kms"), "00000000-0000-0000-0000-000000000000").encrypt([SECRET])
