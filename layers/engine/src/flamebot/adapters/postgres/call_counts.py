"""Counts of calls to services, as commit_tasks and record_calls read them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flamebot.domain.service_call import CallCount, CallEnd


def call_count_json(count: CallCount) -> dict[str, Any]:
    """Return an element of the calls that commit_tasks records."""
    wait = count.retry_after
    return {
        "service": count.service.value,
        "generation": count.generation,
        **{end.value: count.ends.get(end, 0) for end in CallEnd},
        "stubborn_blocked": count.stubborn.get(CallEnd.THROTTLED, 0)
        + count.stubborn.get(CallEnd.DENIED, 0),
        "stubborn_unknown": count.stubborn.get(CallEnd.UNKNOWN, 0),
        "failure": count.failure,
        "retry_after_ms": wait // timedelta(milliseconds=1) if wait else None,
    }
