"""Secrets of Secrets Manager, cached for a limited time, so that a rotated one is used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any


class Secrets:
    """Reads secrets and caches them. Safe to share between threads, which may read one twice."""

    def __init__(self, client: Any, *, age: timedelta, wall: Callable[[], datetime]) -> None:  # noqa: ANN401  # clients have no static type
        """Set up an empty cache.

        Args:
            client: A Secrets Manager client.
            age: How long a secret is cached.
            wall: Wall time. A monotonic clock stops while Lambda freezes the environment.
        """
        self._client = client
        self._age = age
        self._wall = wall
        self._kept: dict[str, tuple[str, datetime]] = {}

    def get(self, secret_id: str) -> str:
        """Return the text of a secret. Raises the errors of the client."""
        now = self._wall()
        kept = self._kept.get(secret_id)
        if kept is not None and now < kept[1]:
            return kept[0]
        text = str(self._client.get_secret_value(SecretId=secret_id)["SecretString"])
        self._kept[secret_id] = (text, now + self._age)
        return text
