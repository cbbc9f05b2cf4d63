"""Where files wait to be imported: private, encrypted, short-lived. Addresses are ours: nothing that anybody sends chooses one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """How a file is sent, once, exactly as large as it was announced. Who has the address may send the file."""

    url: str = field(repr=False)
    method: str
    headers: Mapping[str, str]
    expires_at: datetime  # wall time


class ImportFiles(Protocol):
    """Files by import id. Every method but `upload` raises `FilesUnavailable`."""

    def upload(self, import_id: str, size: int, valid: timedelta, now: datetime) -> Upload:
        """An address to send the file to, until `now` + `valid`. A file that is there is never overwritten."""
        ...

    def size(self, import_id: str) -> int | None:
        """How many bytes are there; None when there is no file."""
        ...

    def read(self, import_id: str, start: int) -> AbstractContextManager[Iterator[bytes]]:
        """The file from a byte on, in pieces of bounded size."""
        ...

    def delete(self, import_id: str) -> None:
        """Delete it. Harmless when it is not there."""
        ...
