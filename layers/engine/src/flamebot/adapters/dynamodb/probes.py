"""Probe of the lock table, for the health check."""

from __future__ import annotations

from typing import Any

_USABLE = {"ACTIVE", "UPDATING"}


class TableNotUsable(Exception):
    """The table exists and cannot be used: its status is not ACTIVE or UPDATING."""


def probe_table(client: Any, name: str) -> None:  # noqa: ANN401  # boto3 clients have no static type
    """Return if the table exists and can be used, else raise."""
    if client.describe_table(TableName=name)["Table"]["TableStatus"] not in _USABLE:
        raise TableNotUsable
