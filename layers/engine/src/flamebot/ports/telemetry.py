"""What the services tell about themselves."""

from __future__ import annotations

from typing import Protocol


class Telemetry(Protocol):
    """Logs and metrics. Names of metrics are those of the contract; ids go on log lines, never into dimensions."""

    def count(self, name: str, value: float = 1, *, action: str | None = None) -> None:
        """Add to a counter."""
        ...

    def seconds(self, name: str, value: float, *, action: str | None = None) -> None:
        """Record a duration."""
        ...

    def info(self, event: str, **fields: object) -> None:
        """Log what happened."""
        ...

    def warn(self, event: str, **fields: object) -> None:
        """Log what somebody should look at. Never a credential, never a request body."""
        ...
