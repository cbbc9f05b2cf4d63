"""The result of a health check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check. `urgent`: if it fails, workflows stand still or run late."""

    name: str
    ok: bool
    detail: str
    urgent: bool = True
