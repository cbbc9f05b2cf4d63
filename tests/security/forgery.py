"""Tokens that must be refused, and places other than the header to carry a good one."""

from __future__ import annotations

import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from devstack.tokens import AUDIENCE, ISSUER, SCOPES, mint, signing_key

Headers = dict[str, str]


def encoded(part: bytes) -> str:
    """Encode a part of a token."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None) -> str:
    """Build a token with any header, unsigned or signed with a secret.

    Libraries refuse to make these.
    """
    content = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    signature = b"" if secret is None else hmac.digest(secret, content.encode(), "sha256")
    return f"{content}.{encoded(signature)}"


def bearers(home: Path) -> dict[str, str]:
    """Return bad tokens by their defect.

    Hand-signed ones use the public key, which everyone knows.
    """
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "me",
        "iat": now,
        "exp": now + 600,
    }
    claims["scope"] = " ".join(f"flamebot/{scope}" for scope in SCOPES)
    own, other = signing_key(home), rsa.generate_private_key(public_exponent=65537, key_size=2048)
    good, narrow = mint(home), mint(home, ["read"])
    pem, der = (
        own.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER)
    )
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(other.public_key()))

    def signed(
        key: rsa.RSAPrivateKey = own,
        algorithm: str = "RS256",
        header: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        changed = {
            name: value for name, value in {**claims, **changes}.items() if value is not None
        }
        return jwt.encode(changed, key, algorithm=algorithm, headers=header)

    head, body, signature = good.split(".")
    narrow_head, _, narrow_signature = narrow.split(".")
    return {
        "nonsense": "nonsense",
        "two dots": "..",
        "three odd parts": "a.b.c",
        "five parts": "a.b.c.d.e",
        "cut off": good[:-5],
        "no signature": f"{head}.{body}.",
        "signature left out": f"{head}.{body}",
        "signature of another token": f"{head}.{body}.{narrow_signature}",
        "claims of another token": f"{narrow_head}.{body}.{narrow_signature}",
        "one bit of the claims": (
            f"{head}.{body[:-2]}{'A' if body[-2] != 'A' else 'B'}{body[-1]}.{signature}"
        ),
        "something behind it": f"{good}.{signature}",
        "null": "null",
        "alg none": by_hand({"alg": "none", "typ": "JWT"}, claims, None),
        "alg None": by_hand({"alg": "None"}, claims, None),
        "alg NONE, with a signature": by_hand({"alg": "NONE"}, claims, b"x"),
        "alg nonE, the good signature": (
            f"{encoded(json.dumps({'alg': 'nonE'}).encode())}.{body}.{signature}"
        ),
        "no alg": by_hand({"typ": "JWT"}, claims, None),
        "alg null": by_hand({"alg": None}, claims, None),
        "HS256 with the public key as PEM": by_hand({"alg": "HS256"}, claims, pem),
        "HS256 with the public key as DER": by_hand({"alg": "HS256"}, claims, der),
        "HS256 with the public key's text": by_hand({"alg": "HS256"}, claims, pem.strip()),
        "HS256 with an empty secret": by_hand({"alg": "HS256"}, claims, b""),
        "HS256 called RS256": by_hand({"alg": "RS256"}, claims, pem),
        "another key": signed(other),
        "another key that comes along": signed(other, header={"jwk": jwk}),
        "another key at an address": signed(
            other, header={"jku": "http://169.254.169.254/keys", "x5u": "http://127.0.0.1:1/x"}
        ),
        "a kid that is a path": signed(other, header={"kid": "../../../../dev/null"}),
        "a kid that is SQL": signed(other, header={"kid": "' or 1=1 --"}),
        "the right key, another algorithm": signed(algorithm="RS512"),
        "the right key, padded another way": signed(algorithm="PS256"),
        "expired": mint(home, lifetime=-60),
        "expired just now": signed(exp=now - 1),
        "never ends": signed(exp=None),
        "ends some day": signed(exp="some day"),
        "good from tomorrow on": signed(nbf=now + 86_400),
        "of the future": signed(iat=now + 86_400),
        "another issuer": signed(iss="https://evil.example"),
        "an issuer that begins like ours": signed(iss=f"{ISSUER}.evil.example"),
        "no issuer": signed(iss=None),
        "issuers, ours among them": by_hand({"alg": "RS256"}, {**claims, "iss": [ISSUER]}, pem),
        "another audience": signed(aud="else"),
        "other audiences": signed(aud=["else", "Flamebot"]),
        "no audience": signed(aud=None),
    }


def headers(home: Path) -> dict[str, Headers]:
    """Return request headers without access: each bad token, and a good one in the wrong place."""
    good = mint(home)
    return {
        "no header": {},
        "no scheme": {"authorization": good},
        "no value": {"authorization": "Bearer"},
        "another scheme": {"authorization": f"Basic {good}"},
        "two tokens": {"authorization": f"Bearer nonsense, Bearer {good}"},
        "a good one in a cookie": {"cookie": f"authorization=Bearer {good}; access_token={good}"},
        "a good one in other headers": {
            "x-authorization": f"Bearer {good}",
            "proxy-authorization": f"Bearer {good}",
        },
        "claims in headers": {
            "x-amzn-oidc-data": good,
            "x-jwt-claims": '{"sub": "me", "scope": "flamebot/admin"}',
        },
        **{kind: {"authorization": f"Bearer {token}"} for kind, token in bearers(home).items()},
    }
