"""An Idempotency-Key belongs to one document."""

from __future__ import annotations

import pytest

from flamebot.domain.errors import IdempotencyKeyReused, Invalid
from flamebot.services.imports.idempotency import checked_key, new_record, same_request

DOCUMENT = {
    "accounts": [{"accountId": "a", "credentials": {"password": "hunter2"}}],
    "startAutomation": True,
}


@pytest.mark.parametrize(
    "key", ["a", "a b", "~" * 200, "0c6b2e6e-5f4e-4d3a-8d7e-1f2a3b4c5d6e", None]
)
def test_a_valid_key_is_accepted(key: str | None) -> None:
    """A key is 1 to 200 printable characters, or absent."""
    assert checked_key(key) == key


@pytest.mark.parametrize("key", ["", "a" * 201, "ä", "a\n", "\x00", "a\tb"])
def test_an_invalid_key_is_refused(key: str) -> None:
    """The issue points to the header."""
    with pytest.raises(Invalid) as refusal:
        checked_key(key)
    assert refusal.value.issues[0].pointer == "/headers/Idempotency-Key"


def test_the_same_document_gets_the_stored_answer() -> None:
    """The order of its members does not matter."""
    known = new_record("me", "k", DOCUMENT, {"request": 1})
    assert same_request(known, dict(reversed(DOCUMENT.items()))) == {"request": 1}


@pytest.mark.parametrize(
    "other", [{}, [], DOCUMENT | {"startAutomation": 1}, DOCUMENT | {"spreadSeconds": 0}]
)
def test_another_document_is_refused(other: object) -> None:
    """Any other difference makes it another document."""
    with pytest.raises(IdempotencyKeyReused):
        same_request(new_record("me", "k", DOCUMENT, {}), other)


def test_digests_cannot_be_compared_across_keys() -> None:
    """Each record has its own salt: equal bodies have different digests."""
    one, other = (new_record("me", key, DOCUMENT, {}) for key in ("k", "l"))
    assert one.salt != other.salt
    assert one.digest != other.digest
    assert "hunter2" not in repr(one)
