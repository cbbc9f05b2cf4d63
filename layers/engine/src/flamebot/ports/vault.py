"""Credentials at rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Credentials to encrypt; account id and version are authenticated with them."""

    account_id: str
    version: int
    credentials: Mapping[str, object]


class Vault(Protocol):
    """Encrypts in the import, decrypts in the step function, nowhere else."""

    def encrypt(self, secrets: Sequence[Secret]) -> list[bytes]:
        """Encrypt under one fresh data key, in the order given. Raises `VaultError`, `Unavailable`."""
        ...

    def decrypt(self, account_id: str, version: int, ciphertext: bytes) -> dict[str, object]:
        """Decrypt. Raises `VaultError` for anything but what `encrypt` gave for this account and version."""
        ...
