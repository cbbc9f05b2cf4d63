"""Maintenance of imports by file: wake workers where one is needed, delete old imports."""

from __future__ import annotations

from flamebot.domain.import_message import encode
from flamebot.ports.engine_store import Json
from flamebot.ports.import_store import ImportMaintenanceStore
from flamebot.ports.queue import Message, StepQueue
from flamebot.ports.telemetry import Telemetry


class MaintainImports:
    """The imports' part of the periodic maintenance.

    An upload event that was lost, a worker that died and a file that was not deleted look the
    same from here: the import gets a wake-up message, and the worker finds out what is missing.
    """

    def __init__(
        self, *, store: ImportMaintenanceStore, wake_ups: StepQueue, telemetry: Telemetry
    ) -> None:
        self._store = store
        self._wake_ups = wake_ups
        self._telemetry = telemetry

    def run(self) -> Json:
        """Return how many wake-up messages were sent and how many imports were deleted."""
        found = self._store.find_stalled_imports()
        messages = [Message(body=encode(import_id), delay_seconds=0) for import_id, _ in found]
        sent = self._wake_ups.send(messages) if messages else 0
        self._telemetry.count("ImportsStalled", sum(stalled for _, stalled in found))
        return {"woken": sent, "deleted": self._store.delete_old_imports()}
