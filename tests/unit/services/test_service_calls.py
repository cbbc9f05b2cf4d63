"""How a phase's calls are counted for the health of the service that it called."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flamebot.domain import errors
from flamebot.domain.outcome import Defer, Done, Outcome, Retry
from flamebot.domain.service_call import CallCount, CallEnd, Service, ServiceCall, counted
from flamebot.domain.task import Payload, Phase
from flamebot.services.stepping.phases.call_end import service_call
from flamebot.services.time_budget import OutOfTime
from tests.unit.services.stand_ins import begun, task

LOST = Retry(error="outcome_unknown: no response", unanswered=True)


def called(
    phase: Phase,
    error: Exception | None = None,
    outcome: Outcome = Done(),  # noqa: B008  # it cannot be changed
    **payload: int,
) -> ServiceCall | None:
    """Return the count of one phase's calls, on a clock of twice the speed."""
    of = begun(task(phase, payload=Payload(**payload)))  # type: ignore[arg-type]  # all are numbers
    return service_call(of, outcome, error, 2.0)


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (None, CallEnd.ANSWERED),
        (errors.ServiceRefused("422"), CallEnd.REFUSED),
        (errors.AccountSuspended("403"), CallEnd.REFUSED),
        (errors.ServiceNotReady("425"), CallEnd.REFUSED),
        (errors.ServiceConflict("409"), CallEnd.REFUSED),
        (errors.ServiceThrottled("429"), CallEnd.THROTTLED),
        (errors.ServiceDenied("401"), CallEnd.DENIED),
        (errors.OutcomeUnknown("503"), CallEnd.UNKNOWN),
        (errors.ResponseUnreadable("no body"), CallEnd.UNKNOWN),
    ],
)
def test_each_end_of_a_call_is_counted_as_what_it_is(error: Exception | None, end: CallEnd) -> None:
    """A service that answers is well, whatever the answer is."""
    call = called(Phase.SUBMIT, error, LOST if error else Done())
    assert call is not None
    assert (call.service, call.end) == (Service.ACTIONS, end)
    well = end in (CallEnd.ANSWERED, CallEnd.REFUSED)
    assert call.failure == (None if well else "outcome_unknown: no response")


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (errors.WriterUnanswered("no response"), CallEnd.UNKNOWN),
        (errors.WriterWait("429"), CallEnd.THROTTLED),
        (errors.WriterWait("401", denied=True), CallEnd.DENIED),
        (errors.WriterRefused("declined"), CallEnd.REFUSED),
        (errors.WriterError("empty"), CallEnd.ANSWERED),
    ],
)
def test_the_ai_service_has_a_count_of_its_own(error: Exception, end: CallEnd) -> None:
    """A text that cannot be used was written by a service that is well."""
    call = called(Phase.GENERATE, error, LOST)
    assert call is not None
    assert (call.service, call.end) == (Service.AI, end)


@pytest.mark.parametrize(
    "error",
    [OutOfTime(), errors.VaultError("no"), errors.StoreUnavailable(), RuntimeError("a bug")],
)
def test_what_says_nothing_about_the_service_is_not_counted(error: Exception) -> None:
    """A defect of ours or of another dependency opens no breaker."""
    assert called(Phase.SUBMIT, error, LOST) is None
    assert called(Phase.TIMER) is None


def test_a_task_that_was_deferred_twice_is_stubborn() -> None:
    """Its failure may be its own: it opens no breaker for others."""
    throttled = errors.ServiceThrottled("429", retry_after=timedelta(seconds=7))
    waits = Defer(after=timedelta(seconds=7), reason="throttled: 429")
    calls = [called(Phase.SUBMIT, throttled, waits, deferrals=n) for n in (0, 1, 2)]
    assert [call.stubborn for call in calls if call] == [False, False, True]
    assert [call.retry_after for call in calls if call] == [timedelta(seconds=14)] * 3
    answered = called(Phase.SUBMIT, deferrals=5)
    assert answered is not None
    assert not answered.stubborn


def test_counts_are_kept_by_service_and_generation() -> None:
    """A breaker is closed by calls that began under its present state only."""
    one = ServiceCall(service=Service.ACTIONS, end=CallEnd.ANSWERED, generation=1)
    two = ServiceCall(
        service=Service.ACTIONS,
        end=CallEnd.THROTTLED,
        generation=2,
        failure="throttled: 429",
        retry_after=timedelta(seconds=9),
        stubborn=True,
    )
    writer = ServiceCall(service=Service.AI, end=CallEnd.ANSWERED, generation=1)
    assert counted([one, two, writer, one]) == [
        CallCount(service=Service.ACTIONS, generation=1, ends={CallEnd.ANSWERED: 2}),
        CallCount(
            service=Service.ACTIONS,
            generation=2,
            ends={CallEnd.THROTTLED: 1},
            failure="throttled: 429",
            retry_after=timedelta(seconds=9),
            stubborn={CallEnd.THROTTLED: 1},
        ),
        CallCount(service=Service.AI, generation=1, ends={CallEnd.ANSWERED: 1}),
    ]
