"""Tokens of the local stack are signed, expire, and carry the requested scopes."""

from __future__ import annotations

import base64
import hmac
import json
import stat
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from devstack.tokens import AUDIENCE, ISSUER, BadToken, Verifier, mint, signing_key


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a key."""
    directory = tmp_path_factory.mktemp("tokens")
    signing_key(directory)
    return directory


def forged(header: dict[str, str], claims: dict[str, object], secret: bytes) -> str:
    """A token as an attacker makes it who knows the public key only."""
    content = b".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (header, claims)
    )
    signature = hmac.digest(secret, content, "sha256") if secret else b""
    return f"{content.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_a_token_carries_its_scopes(home: Path) -> None:
    """The requested scopes are in one claim, each with the prefix."""
    claims = Verifier(home).claims(mint(home, ["read", "admin"], prefix="flamebot/"))
    assert claims["scope"] == "flamebot/read flamebot/admin"
    assert (claims["iss"], claims["aud"]) == (ISSUER, AUDIENCE)
    assert claims["sub"]


def test_an_unknown_scope_is_refused(home: Path) -> None:
    """There is no token for a scope that does not exist."""
    with pytest.raises(ValueError, match="reda"):
        mint(home, ["reda"])


def test_the_key_is_its_owners_and_stays(home: Path) -> None:
    """The key's file is private, and a token of yesterday is still good."""
    token = mint(home)
    assert stat.S_IMODE((home / "token-key.pem").stat().st_mode) == 0o600
    assert Verifier(home).claims(token)


def test_bad_tokens_are_refused(home: Path, tmp_path: Path) -> None:
    """An expired, foreign, unsigned or wrongly signed token is refused."""
    key = signing_key(home)
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "exp": 4102444800}
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    bad = [
        "",
        "nonsense",
        mint(home, lifetime=-1),
        mint(tmp_path),
        jwt.encode({**good, "iss": "https://elsewhere"}, key, algorithm="RS256"),
        jwt.encode({**good, "aud": "elsewhere"}, key, algorithm="RS256"),
        jwt.encode(
            {name: value for name, value in good.items() if name != "exp"}, key, algorithm="RS256"
        ),
        forged({"alg": "none"}, good, b""),
        forged({"alg": "HS256"}, good, public),
    ]
    for token in bad:
        with pytest.raises(BadToken):
            Verifier(home).claims(token)
