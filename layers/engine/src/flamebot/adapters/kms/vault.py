"""Credentials at rest: AES-256-GCM under KMS data keys.

A blob consists of the format version (1 byte), the length of the wrapped key (2 bytes, big-endian),
the wrapped key, the nonce (12 bytes) and the ciphertext with its tag.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring_ascii
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from flamebot.domain.errors import Unavailable, VaultError
from flamebot.ports.vault import Secret

_FORMAT: Final = 1
_NONCE: Final = 12
_TAG: Final = 16
# The encryption context: KMS authenticates it, and CloudTrail shows it.
_CONTEXT: Final = {"purpose": "flamebot-credentials"}
_CACHED_KEYS: Final = 200
_CACHED_SECONDS: Final = 300.0
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
# Errors that pass, or that an operator corrects at the key. Any other refusal to decrypt means that
# the blob was not encrypted by this key in this context.
_TRANSIENT: Final = frozenset(
    {
        "ThrottlingException",
        "LimitExceededException",
        "KMSInvalidStateException",
        "DisabledException",
    }
)


class KmsVault:
    """Encrypts a batch under one data key.

    Up to 200 unwrapped keys are kept in memory, five minutes each: an import stores many accounts
    under one key, and their steps would call KMS once per account.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401  # boto3 clients have no static type
        key_id: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up a vault that several threads may share.

        Args:
            client: A KMS client.
            key_id: The key that wraps the data keys.
            monotonic: The clock of the cache of unwrapped keys.
        """
        self._client = client
        self._key_id = key_id
        self._monotonic = monotonic
        self._lock = threading.Lock()
        # wrapped key -> plain key and the end of its time in the cache
        self._keys: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()

    def encrypt(self, secrets: Sequence[Secret]) -> list[bytes]:
        """Encrypt a batch under one new data key, which KMS returns plain and wrapped.

        Raises:
            VaultError: Credentials that cannot be written as JSON.
            Unavailable: KMS cannot be reached.
        """
        if not secrets:
            return []
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        data_key = self._call("generate_data_key", KeySpec="AES_256")
        wrapped = bytes(data_key["CiphertextBlob"])
        cipher = AESGCM(bytes(data_key["Plaintext"]))
        head = bytes([_FORMAT]) + len(wrapped).to_bytes(2, "big") + wrapped
        blobs = []
        for secret in secrets:
            try:
                plain = _CANONICAL.encode(secret.credentials).encode()
            except (TypeError, ValueError, RecursionError):
                raise VaultError from None  # the cause would quote the credentials
            nonce = os.urandom(_NONCE)
            blobs.append(
                head
                + nonce
                + cipher.encrypt(nonce, plain, _associated(secret.account_id, secret.version))
            )
        return blobs

    def decrypt(self, account_id: str, version: int, ciphertext: bytes) -> dict[str, object]:
        """Return the credentials of a ciphertext.

        Raises:
            VaultError: It is not the ciphertext of this account and version.
            Unavailable: KMS cannot be reached.
        """
        # Imported here: most steps decrypt nothing.
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        blob = bytes(ciphertext)  # psycopg2 returns a memoryview
        wrapped, nonce, sealed = _split(blob)
        try:
            plain = AESGCM(self._unwrap(wrapped)).decrypt(
                nonce, sealed, _associated(account_id, version)
            )
            document = json.loads(plain)
        except (InvalidTag, ValueError, RecursionError):
            raise VaultError from None
        if not isinstance(document, dict):
            raise VaultError
        return document

    def _unwrap(self, wrapped: bytes) -> bytes:
        now = self._monotonic()
        with self._lock:
            plain, until = self._keys.get(wrapped, (b"", 0.0))
            if plain and now < until:
                return plain
        plain = bytes(self._call("decrypt", CiphertextBlob=wrapped)["Plaintext"])
        with self._lock:
            self._keys.pop(wrapped, None)
            self._keys[wrapped] = (plain, now + _CACHED_SECONDS)
            while self._keys and (
                len(self._keys) > _CACHED_KEYS or next(iter(self._keys.values()))[1] <= now
            ):
                self._keys.popitem(last=False)  # the oldest entry expires first
        return plain

    def _call(self, operation: str, **request: object) -> Any:  # noqa: ANN401  # responses have no static type
        try:
            return getattr(self._client, operation)(
                KeyId=self._key_id, EncryptionContext=_CONTEXT, **request
            )
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "an error"))
            broken = (
                int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)) >= 500
            )
            if operation == "decrypt" and not broken and code not in _TRANSIENT:
                raise VaultError from None
            raise Unavailable(f"The key service returned {code}.") from None
        except BotoCoreError:
            raise Unavailable("The key service cannot be reached.") from None


def _associated(account_id: str, version: int) -> bytes:
    """Return the associated data of a ciphertext, a compact JSON list.

    It binds the ciphertext to its account and version: moved to another row, it cannot be read.
    """
    # guard: bound-to-account, bound-to-version
    return f"[{_FORMAT},{encode_basestring_ascii(account_id)},{version}]".encode()


def _split(blob: bytes) -> tuple[bytes, bytes, bytes]:
    length = int.from_bytes(blob[1:3], "big")
    nonce_at, sealed_at = 3 + length, 3 + length + _NONCE
    if blob[:1] != bytes([_FORMAT]) or length == 0 or len(blob) < sealed_at + _TAG:
        raise VaultError
    return blob[3:nonce_at], blob[nonce_at:sealed_at], blob[sealed_at:]
