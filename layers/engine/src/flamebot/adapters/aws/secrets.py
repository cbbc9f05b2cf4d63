"""Secrets of Secrets Manager, each kept for a while: a rotated one is used without a new environment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any


class Secrets:
    """Reads secrets and keeps each. Safe to share between threads: two may read the same one at once."""

    def __init__(self, client: Any, *, age: timedelta, wall: Callable[[], datetime]) -> None:  # noqa: ANN401  # clients have no static type
        """Take a Secrets Manager client, and how old a secret may become. By wall time: a monotonic clock rests while Lambda freezes us."""
        self._client = client
        self._age = age
        self._wall = wall
        self._kept: dict[str, tuple[str, datetime]] = {}

    def get(self, secret_id: str) -> str:
        """The secret's text. Raises what the client raises."""
        now = self._wall()
        kept = self._kept.get(secret_id)
        if kept is not None and now < kept[1]:
            return kept[0]
        text = str(self._client.get_secret_value(SecretId=secret_id)["SecretString"])
        self._kept[secret_id] = (text, now + self._age)
        return text
