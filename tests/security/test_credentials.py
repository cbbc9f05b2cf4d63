"""Control: stored credentials decrypt only in their own row and unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flamebot.adapters.kms.vault import KmsVault
from flamebot.domain.errors import VaultError
from flamebot.ports.vault import Secret
from tests.integration.services.engine import SECRET, Engine, swipe

PROPERTY = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FEWER = settings(PROPERTY, max_examples=40)  # each costs KMS a data key
MINE = Secret(
    account_id="acct-1",
    version=7,
    credentials={"token": "planted-credential", "n": 1, "name": "Zo\u00eb"},
)
NONCE, TAG = 12, 16


@pytest.fixture
def blob(vault: KmsVault) -> bytes:
    """A credential encrypted for one account and version."""
    (sealed,) = vault.encrypt([MINE])
    return sealed


def assert_shut(vault: KmsVault, blob: bytes, account: str = "acct-1", version: int = 7) -> None:
    """Assert that it does not decrypt, and that the error reveals nothing."""
    with pytest.raises(VaultError) as caught:
        vault.decrypt(account, version, blob)
    assert str(caught.value) == "The credentials could not be encrypted or decrypted."
    assert caught.value.__cause__ is None


def head(blob: bytes) -> int:
    """Return the length of format, length field and wrapped key."""
    return 3 + int.from_bytes(blob[1:3], "big")


def test_every_bit_counts(vault: KmsVault, blob: bytes) -> None:
    """S11: a flipped bit in format, length, nonce, ciphertext or tag prevents decryption."""
    wrapped = range(3, head(blob))
    bits = [
        (at, bit)
        for at in range(len(blob))
        for bit in range(8)
        if at not in wrapped or (at + bit) % 8 == 0
    ]
    for at, bit in bits:  # each bit of the wrapped key costs a call to KMS
        assert_shut(vault, blob[:at] + bytes([blob[at] ^ (1 << bit)]) + blob[at + 1 :])
    assert vault.decrypt("acct-1", 7, blob) == MINE.credentials
    assert len(bits) > 700


def test_no_part_may_be_missing_or_added(vault: KmsVault, blob: bytes) -> None:
    """S11: a ciphertext that is cut, extended or reordered does not decrypt."""
    lengths = [*range(8), *range(head(blob) - 2, len(blob))]
    for length in lengths:
        assert_shut(vault, blob[:length])
    at = head(blob)
    nonce, sealed = blob[at : at + NONCE], blob[at + NONCE :]
    for changed in (
        blob + b"\0",
        b"\0" + blob,
        blob[:at] + sealed + nonce,
        blob[:at] + nonce + sealed[TAG:] + sealed[:TAG],
        blob * 2,
        bytes(len(blob)),
    ):
        assert_shut(vault, changed)


@pytest.mark.parametrize("version", [0, 2, 3, 127, 255])
def test_an_unknown_format_is_not_guessed_at(vault: KmsVault, blob: bytes, version: int) -> None:
    """S13: an unknown format version is refused and not guessed at."""
    assert_shut(vault, bytes([version]) + blob[1:])


@given(account=st.text(max_size=20), version=st.integers(0, 2**63))
@PROPERTY
def test_it_belongs_to_one_account_and_version(vault: KmsVault, account: str, version: int) -> None:
    """S10: a ciphertext decrypts in no other row, however similar that row's names are."""
    if (account, version) == ("acct-1", 7):
        return
    sealed = _sealed(vault)
    assert_shut(vault, sealed, account, version)


_kept: list[bytes] = []


def _sealed(vault: KmsVault) -> bytes:
    if not _kept:
        _kept.extend(vault.encrypt([MINE]))
    return _kept[0]


@pytest.mark.parametrize(
    ("account", "version"),
    [
        ("acct-1,7", 7),
        ('acct-1",7]', 7),
        ("acct-17", 7),
        ("acct-", 17),
        ("acct-1\0", 7),
        ("ACCT-1", 7),
        ("\uff41cct-1", 7),
        ("acct-1", 70),
        ("acct-1", -7),
    ],
)
def test_names_cannot_be_run_together(
    vault: KmsVault, blob: bytes, account: str, version: int
) -> None:
    """S10: no two pairs of account and version have the same associated data."""
    assert_shut(vault, blob, account, version)


@given(
    st.lists(
        st.tuples(st.text(max_size=8), st.integers(0, 99)), min_size=2, max_size=8, unique=True
    ),
    st.data(),
)
@FEWER
def test_blobs_of_one_batch_do_not_pass_for_each_other(
    vault: KmsVault, rows: list[tuple[str, int]], data: st.DataObject
) -> None:
    """S10: ciphertexts of one batch share a data key and still decrypt only in their own rows."""
    secrets = [
        Secret(account_id=account, version=version, credentials={"of": account})
        for account, version in rows
    ]
    blobs = vault.encrypt(secrets)
    one, other = data.draw(st.permutations(range(len(rows))))[:2]
    assert vault.decrypt(*rows[one], blobs[one]) == {"of": rows[one][0]}
    assert_shut(vault, blobs[other], *rows[one])
    at = head(blobs[one]) + NONCE
    assert_shut(vault, blobs[one][:at] + blobs[other][at:], *rows[one])
    assert_shut(
        vault,
        blobs[one][: at - NONCE] + blobs[other][at - NONCE : at] + blobs[one][at:],
        *rows[one],
    )


def test_nonces_and_keys_are_never_used_twice(vault: KmsVault) -> None:
    """S12: 20,000 encryptions in 20 batches use 20 data keys and 20,000 nonces."""
    nonces, keys, sealed = set(), set(), set()
    for batch in range(20):
        for blob in vault.encrypt(
            [
                Secret(account_id=f"a{n}", version=batch, credentials={"token": "the same"})
                for n in range(1000)
            ]
        ):
            at = head(blob)
            keys.add(blob[3:at])
            nonces.add(blob[at : at + NONCE])
            sealed.add(blob[at + NONCE :])
    assert (len(keys), len(nonces), len(sealed)) == (20, 20_000, 20_000)


def test_a_data_key_from_elsewhere_opens_nothing(
    vault: KmsVault, aws: Callable[[str], Any]
) -> None:
    """A ciphertext under another KMS key, or under ours with another context, does not decrypt."""
    kms = aws("kms")
    key_id = vault._key_id
    for key, context in (
        (kms.create_key()["KeyMetadata"]["KeyId"], {"purpose": "flamebot-credentials"}),
        (key_id, {"purpose": "else"}),
        (key_id, {}),
    ):
        made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
        wrapped, nonce = bytes(made["CiphertextBlob"]), bytes(NONCE)
        sealed = AESGCM(made["Plaintext"]).encrypt(
            nonce,
            b'{"token": "theirs"}',
            json.dumps([1, "acct-1", 7], separators=(",", ":")).encode(),
        )
        assert_shut(vault, b"\1" + len(wrapped).to_bytes(2, "big") + wrapped + nonce + sealed)


@pytest.mark.parametrize(
    "column", ["credentials_ciphertext", "credentials_ciphertext, ciphertext_version"]
)
def test_a_row_that_took_anothers_ciphertext_registers_nothing(engine: Engine, column: str) -> None:
    """S10: a row with another account's ciphertext registers nothing.

    The step fails before any call.
    """
    engine.define(swipe(maxAttempts=1))
    engine.account("victim")
    instance = engine.start(account="mallory")
    columns = [
        row["column_name"]
        for row in engine.database.rows(
            "select column_name from information_schema.columns where table_name = 'accounts'"
        )
    ]
    names = [name for name in column.split(", ") if name in columns]
    assignments = ", ".join(f"{name} = v.{name}" for name in names)
    engine.database.rows(
        f"update accounts a set {assignments} from accounts v"
        " where a.flamebot_id = 'mallory' and v.flamebot_id = 'victim'"
    )
    engine.drive(engine.ended(instance))
    row = engine.database.one(
        "select status, last_error from workflow_instances where id = %s", (instance,)
    )
    assert row == {"status": "failed", "last_error": "vault: the credentials cannot be decrypted"}
    assert engine.writes(account="mallory") == []
    assert SECRET not in json.dumps(engine.tasks(), default=str)
