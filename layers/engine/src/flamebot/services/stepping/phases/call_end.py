"""How a phase's calls ended, as far as the health of the service that it called is concerned."""

from __future__ import annotations

from flamebot.domain import errors
from flamebot.domain.service_call import CallEnd


def call_end(error: Exception | None) -> CallEnd | None:
    """Return how a call ended that raised an error, or none; None if it says nothing.

    A defect of ours, a lack of time, and other dependencies say nothing about the service.
    """
    match error:
        case None:
            return CallEnd.ANSWERED
        case errors.ServiceThrottled():
            return CallEnd.THROTTLED
        case errors.ServiceDenied():
            return CallEnd.DENIED
        case errors.OutcomeUnknown() | errors.WriterUnanswered():
            return CallEnd.UNKNOWN
        case errors.WriterWait():
            return CallEnd.DENIED if error.denied else CallEnd.THROTTLED
        case errors.ServiceError() | errors.WriterRefused():
            return CallEnd.REFUSED
        case errors.WriterError():
            return CallEnd.ANSWERED  # with a text that cannot be used
        case _:
            return None
