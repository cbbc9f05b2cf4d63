"""A file of changes, one per line, that survives a SIGKILL of the writing process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Entry = tuple[str, dict[str, Any]]


class Journal:
    """Appends changes. `entries` are those that the file held when it was opened."""

    def __init__(self, path: Path) -> None:
        """Open the file, or create it."""
        whole = path.read_bytes() if path.exists() else b""
        end = whole.rfind(b"\n") + 1
        if end < len(whole):  # killed during a write: the call of that line got no response
            with path.open("rb+") as file:
                file.truncate(end)
        self.entries: list[Entry] = [tuple(json.loads(line)) for line in whole[:end].splitlines()]
        self._file = path.open("a", encoding="utf-8")

    def append(self, kind: str, content: dict[str, Any]) -> None:
        """Add a change. It survives the process once this returns."""
        self._file.write(json.dumps([kind, content], separators=(",", ":")) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; nothing is appended any more."""
        self._file.close()
