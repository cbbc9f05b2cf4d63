"""Bearer tokens of the local stack, signed with a key in its data directory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://flamebot.local"
AUDIENCE = "flamebot"
SCOPES = ("read", "accounts.write", "workflows.write", "definitions.write", "admin")
LIFETIME = 30 * 86400  # wall-clock seconds
_KEY_FILE = "token-key.pem"


class BadToken(ValueError):
    """The token is foreign, altered or expired."""


def signing_key(data_dir: Path) -> rsa.RSAPrivateKey:
    """Return the stack's signing key, and create it if there is none."""
    path = data_dir / _KEY_FILE
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(path, pem)
    loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


def mint(
    data_dir: Path | str,
    scopes: Iterable[str] = SCOPES,
    *,
    subject: str = "local-operator",
    lifetime: float = LIFETIME,
    prefix: str | None = None,
) -> str:
    """Return a signed token.

    Args:
        data_dir: The data directory with the signing key.
        scopes: Scopes without their prefix.
        subject: The `sub` claim, which the audit log records as the actor.
        lifetime: Seconds until the token expires.
        prefix: The prefix of the scopes; by default JWT_SCOPE_PREFIX, else `flamebot/`.

    Raises:
        ValueError: A scope is unknown.
    """
    wanted = list(scopes)
    unknown = sorted(set(wanted) - set(SCOPES))
    if unknown:
        raise ValueError(f"Unknown scope {', '.join(unknown)}; the scopes are {', '.join(SCOPES)}")
    if prefix is None:
        prefix = os.environ.get("JWT_SCOPE_PREFIX", "flamebot/")
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now,
        "exp": now + int(lifetime),
        "scope": " ".join(f"{prefix}{scope}" for scope in wanted),
    }
    return jwt.encode(claims, signing_key(Path(data_dir)), algorithm="RS256")


class Verifier:
    """Verifies signature, issuer, audience and expiry, as the gateway's authorizer does."""

    def __init__(self, data_dir: Path) -> None:
        """Load the public part of the stack's key."""
        self._key = signing_key(data_dir).public_key()

    def claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a valid token. Raises `BadToken`."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=["RS256"],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise BadToken(str(error)) from error
        return claims


def write_private(path: Path, content: bytes) -> None:
    """Write a file atomically, readable by its owner only."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
