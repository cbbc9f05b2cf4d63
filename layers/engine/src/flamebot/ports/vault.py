"""The port of the vault, which encrypts credentials for storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Credentials to encrypt. The ciphertext is bound to their account id and version."""

    account_id: str
    version: int
    credentials: Mapping[str, object]


class Vault(Protocol):
    """Encrypts in the import functions and decrypts in the step function, nowhere else."""

    def encrypt(self, secrets: Sequence[Secret]) -> list[bytes]:
        """Encrypt a batch under one new data key.

        Returns:
            The ciphertexts, in the order of the secrets.

        Raises:
            VaultError: Credentials that cannot be written as JSON.
            Unavailable: The key service cannot be reached.
        """
        ...

    def decrypt(self, account_id: str, version: int, ciphertext: bytes) -> dict[str, object]:
        """Return the credentials of a ciphertext.

        Raises:
            VaultError: `encrypt` did not return this ciphertext for this account and version.
            Unavailable: The key service cannot be reached.
        """
        ...
