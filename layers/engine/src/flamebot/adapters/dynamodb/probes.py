"""How the health check asks about the lock table."""

from __future__ import annotations

from typing import Any

_IN_ORDER = {"ACTIVE", "UPDATING"}


class TableNotInOrder(Exception):
    """The table is there, and cannot be used: it is being made or deleted, or its key is out of reach."""


def probe_table(client: Any, name: str) -> None:  # noqa: ANN401  # boto3 clients have no static type
    """The table is there and can be used, or this raises."""
    if client.describe_table(TableName=name)["Table"]["TableStatus"] not in _IN_ORDER:
        raise TableNotInOrder
