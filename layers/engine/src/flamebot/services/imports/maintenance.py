"""Maintenance's part for imports by file: whatever got lost is looked at again, what is old is forgotten."""

from __future__ import annotations

from flamebot.domain.import_message import encode
from flamebot.ports.engine_store import Json
from flamebot.ports.import_store import ImportMaintenance
from flamebot.ports.queue import Message, StepQueue
from flamebot.ports.telemetry import Telemetry


class MaintainImports:
    """An event of S3 that never came, a worker that died, a file that was not deleted: a hint each, the worker finds out which."""

    def __init__(self, *, store: ImportMaintenance, hints: StepQueue, telemetry: Telemetry) -> None:
        self._store = store
        self._hints = hints
        self._telemetry = telemetry

    def run(self) -> Json:
        """How many were hinted at, and how many forgotten."""
        found = self._store.find_stalled_imports()
        hinted = (
            self._hints.send(
                [Message(body=encode(import_id), delay_seconds=0) for import_id, _ in found]
            )
            if found
            else 0
        )
        self._telemetry.count("ImportsStalled", sum(stalled for _, stalled in found))
        return {"hinted": hinted, "deleted": self._store.delete_old_imports()}
