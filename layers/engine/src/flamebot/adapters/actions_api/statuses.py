"""What the status of a response says about the request, if it is not 2xx."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from flamebot.domain.errors import (
    AccountSuspended,
    OutcomeUnknown,
    ServiceConflict,
    ServiceDenied,
    ServiceError,
    ServiceNotReady,
    ServiceRefused,
    ServiceThrottled,
)

_THROTTLED: Final = (420, 429)  # 420 is an older, unregistered form of 429
# 402 and 407: the operator's contract or network. They are no verdict on the work either.
_DENIED: Final = (401, 402, 403, 407)
_NOT_READY: Final = (421, 423, 425)
# The server or a proxy gave up while it waited, as 504 says it: the request may have arrived.
_UNKNOWN: Final = (408, 499)
_IN_PROGRESS: Final = re.compile(r"progress|in_?flight|in_use|processing|pending|concurrent|locked")


def error_for(
    status: int, code: str | None, wait: timedelta | None, *, title: str | None = None
) -> ServiceError:
    """Return the error that a response means.

    Args:
        status: Any status but 2xx. A 1xx, a redirect, which is not followed, and a 5xx do not say
            whether the request was processed.
        code: The problem document's `code`.
        wait: The response's Retry-After.
        title: The problem document's `title`, in letters and blanks.
    """
    shown = ", ".join(filter(None, (f"{status} {title}" if title else str(status), code)))
    if code == AccountSuspended.code and 400 <= status < 500:  # guard: suspended-by-code
        return AccountSuspended(
            f"the actions service calls the account suspended ({status})",
            retry_after=wait,
            status=status,
        )
    if status in _THROTTLED:  # guard: throttling
        return ServiceThrottled(
            f"The actions service limits the rate of requests ({shown}).",
            retry_after=wait,
            status=status,
        )
    if status in _DENIED:  # guard: denied-is-no-refusal
        return ServiceDenied(
            f"The actions service does not accept the engine's token ({shown}).",
            retry_after=wait,
            status=status,
        )
    if status in _NOT_READY:  # guard: not-ready-is-retried
        return ServiceNotReady(
            f"The actions service cannot process the request yet ({shown}).",
            retry_after=wait,
            status=status,
        )
    if status == 409:  # guard: conflict-is-no-refusal
        return ServiceConflict(
            f"The actions service reports a conflict ({shown}).",
            retry_after=wait,
            status=status,
            in_progress=wait is not None or bool(code and _IN_PROGRESS.search(code)),
        )
    if 400 <= status < 500 and status not in _UNKNOWN:  # guard: refusal-is-4xx
        return ServiceRefused(
            f"The actions service refused the request: {shown}.", retry_after=wait, status=status
        )
    return OutcomeUnknown(
        f"The actions service returned status {shown}.", retry_after=wait, status=status
    )
