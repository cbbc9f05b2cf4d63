"""An import's Idempotency-Key: the same request is answered again, another one under its key is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets

from flamebot.domain.errors import IdempotencyKeyReused, Invalid, ValidationIssue
from flamebot.ports.control_store import IdempotencyRecord
from flamebot.ports.engine_store import Json

_KEY = re.compile(r"[\x20-\x7e]{1,200}")
_SALT_BYTES = 16


def checked_key(key: str | None) -> str | None:
    """The key, if there is one. Raises `Invalid`."""
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid(
            [
                ValidationIssue(
                    "/headers/Idempotency-Key", "Must be 1 to 200 printable ASCII characters."
                )
            ]
        )
    return key


def record(principal: str, key: str, document: object) -> IdempotencyRecord:
    """What to remember of a new request."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return IdempotencyRecord(
        principal=principal, key=key, salt=salt, digest=_digest(document, salt)
    )


def same_request(known: IdempotencyRecord, document: object) -> Json:
    """The remembered answer. Raises `IdempotencyKeyReused` if the document is another."""
    if not hmac.compare_digest(bytes(known.digest), _digest(document, bytes(known.salt))):
        raise IdempotencyKeyReused
    return known.answer or {}


def _digest(document: object, salt: bytes) -> bytes:
    """Salted and slow: the document holds credentials, and a stored fast hash would let them be guessed.

    The order of members and the white space between them do not count.
    """
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.scrypt(canonical.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
