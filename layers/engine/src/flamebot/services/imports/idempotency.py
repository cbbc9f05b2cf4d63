"""The Idempotency-Key of an import by request.

The same request under the same key gets the stored response; another request is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets

from flamebot.domain.errors import IdempotencyKeyReused, Invalid, ValidationIssue
from flamebot.domain.numbers import Inexact
from flamebot.ports.admin_store import IdempotencyRecord
from flamebot.ports.engine_store import Json

_KEY = re.compile(r"[\x20-\x7e]{1,200}")
_SALT_BYTES = 16


def checked_key(key: str | None) -> str | None:
    """Return the key, or None when there is none. Raises `Invalid`."""
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid(
            [
                ValidationIssue(
                    "/headers/Idempotency-Key", "Must be 1 to 200 printable ASCII characters."
                )
            ]
        )
    return key


def new_record(principal: str, key: str, document: object, answer: Json) -> IdempotencyRecord:
    """Return the record of a new request.

    Args:
        principal: the caller; a key is unique per caller.
        key: the Idempotency-Key.
        document: the request's body, of which a salted digest is stored.
        answer: what `same_request` gives back; SQL adds its own results to it.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    return IdempotencyRecord(
        principal=principal, key=key, salt=salt, digest=_digest(document, salt), answer=answer
    )


def same_request(known: IdempotencyRecord, document: object) -> Json:
    """Return the stored answer. Raises `IdempotencyKeyReused` when the document differs."""
    # guard: same-document
    if not hmac.compare_digest(bytes(known.digest), _digest(document, bytes(known.salt))):
        raise IdempotencyKeyReused
    return known.answer or {}


def _as_written(value: object) -> list[str]:
    """Return the digits of a number that no float has: another number is another document."""
    if isinstance(value, Inexact):
        return ["number", value.text]
    raise TypeError(type(value).__name__)


def _digest(document: object, salt: bytes) -> bytes:
    # Salted and slow: the document holds credentials, which could be guessed from a fast digest.
    # Sorted and compact: neither the order of members nor white space matters.
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), default=_as_written)
    return hashlib.scrypt(canonical.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
