"""The port of the store of import files: private, encrypted, and deleted after the import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A request that uploads a file once, of exactly the announced size.

    The URL is a capability: every holder of it may upload the file.
    """

    url: str = field(repr=False)
    method: str
    headers: Mapping[str, str]
    expires_at: datetime  # wall time


class ImportFiles(Protocol):
    """Files by the id of their import; keys are derived from it, never taken from an input.

    Every method but `upload` raises `FilesUnavailable`.
    """

    def upload(self, import_id: str, size: int, valid: timedelta, now: datetime) -> Upload:
        """Return the request that uploads a file.

        Args:
            import_id: The import.
            size: The exact size of the file, in bytes.
            valid: How long the request may be sent, from `now`.
            now: Wall time.
        """
        ...

    def size(self, import_id: str) -> int | None:
        """Return the size of the uploaded file in bytes; None if there is none."""
        ...

    def read(self, import_id: str, start: int) -> AbstractContextManager[Iterator[bytes]]:
        """Return the file's content from byte `start` on, in chunks of bounded size."""
        ...

    def delete(self, import_id: str) -> None:
        """Delete the file. Deleting a file that does not exist is a no-op."""
        ...
