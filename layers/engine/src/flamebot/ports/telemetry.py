"""The port of logs and metrics."""

from __future__ import annotations

from typing import Protocol


class Telemetry(Protocol):
    """Structured log lines and metrics.

    Ids are fields of log lines, never dimensions of metrics: each value of a dimension is a metric
    of its own.
    """

    def count(self, name: str, value: float = 1, *, action: str | None = None) -> None:
        """Add to a counter, with the action as a dimension."""
        ...

    def seconds(self, name: str, value: float, *, action: str | None = None) -> None:
        """Record a duration in seconds."""
        ...

    def info(self, event: str, **fields: object) -> None:
        """Log an event with its fields at level INFO."""
        ...

    def warn(self, event: str, **fields: object) -> None:
        """Log an event that needs attention. Fields never hold credentials or request bodies."""
        ...
