"""A file of changes, one per line, that survives a SIGKILL of whoever writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Entry = tuple[str, dict[str, Any]]


class Journal:
    """Appends changes. `entries` are those that were there when it was opened."""

    def __init__(self, path: Path) -> None:
        """Open it, or make it."""
        whole = path.read_bytes() if path.exists() else b""
        end = whole.rfind(b"\n") + 1
        if end < len(whole):  # killed while it wrote: nobody was told of that line
            with path.open("rb+") as file:
                file.truncate(end)
        self.entries: list[Entry] = [tuple(json.loads(line)) for line in whole[:end].splitlines()]
        self._file = path.open("a", encoding="utf-8")

    def append(self, kind: str, content: dict[str, Any]) -> None:
        """Add a change; it outlives this process from now on."""
        self._file.write(json.dumps([kind, content], separators=(",", ":")) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Add nothing more."""
        self._file.close()
