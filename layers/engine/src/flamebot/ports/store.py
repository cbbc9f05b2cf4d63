"""The store: the truth. One method per SQL function, one round trip, one transaction each; a file per caller.

Every method raises `StoreUnavailable` when the database cannot be reached; the domain's errors come from SQLSTATEs.
The adapter passes the schedule clock's time, horizon and lease by itself.
"""

from __future__ import annotations

from flamebot.ports.control_store import (
    AccountRow,
    Caller,
    Changed,
    ControlStore,
    IdempotencyRecord,
    Imported,
    InstanceSnapshot,
    Started,
    StartRow,
)
from flamebot.ports.maintenance_store import MaintenanceStore
from flamebot.ports.read_store import Page, ReadStore
from flamebot.ports.task_store import Begun, CommitItem, Committed, Json, TaskStore, TickStore

__all__ = [
    "AccountRow",
    "Begun",
    "Caller",
    "Changed",
    "CommitItem",
    "Committed",
    "ControlStore",
    "IdempotencyRecord",
    "Imported",
    "Json",
    "Page",
    "ReadStore",
    "InstanceSnapshot",
    "StartRow",
    "Started",
    "TaskStore",
    "TickStore",
    "MaintenanceStore",
]
