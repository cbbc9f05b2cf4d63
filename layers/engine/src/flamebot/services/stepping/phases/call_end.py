"""How a phase's calls ended, as far as the health of the service that it called is concerned."""

from __future__ import annotations

from datetime import timedelta

from flamebot.domain import errors
from flamebot.domain.begun import Begun
from flamebot.domain.outcome import Outcome
from flamebot.domain.service_call import CallEnd, ServiceCall, service_of

_STUBBORN_AFTER = 2  # deferrals of one step


def service_call(
    begun: Begun, outcome: Outcome, error: Exception | None, rate: float
) -> ServiceCall | None:
    """Return how the service was seen to be that a phase called; None if none was called.

    Args:
        begun: The task.
        outcome: What the phase came to.
        error: What it raised, if it did.
        rate: Schedule seconds per wall-clock second.
    """
    service, end = service_of(begun.task.phase), call_end(error)
    if service is None or end is None:
        return None
    well = end in (CallEnd.ANSWERED, CallEnd.REFUSED)
    wait: timedelta | None = getattr(error, "retry_after", None)
    return ServiceCall(
        service=service,
        end=end,
        generation=begun.generations.get(service, 0),
        # guard: stubborn-task-is-known
        stubborn=not well and begun.task.payload.deferrals >= _STUBBORN_AFTER,
        failure=None if well else _error_of(outcome),
        retry_after=None if well or not wait else wait * rate,
    )


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


def _error_of(outcome: Outcome) -> str | None:
    return getattr(outcome, "error", None) or getattr(outcome, "reason", None)
