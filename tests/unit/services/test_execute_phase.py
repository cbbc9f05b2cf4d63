"""Every failure of a dependency becomes an outcome without secret text."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flamebot.actions.add_bio import BIO
from flamebot.domain import errors
from flamebot.domain.action import TextBrief
from flamebot.domain.outcome import (
    Abort,
    Absent,
    Continue,
    Defer,
    Done,
    Fail,
    Outcome,
    Retry,
)
from flamebot.domain.task import Payload, Phase, Task
from flamebot.domain.text_issue import TextIssueKind
from flamebot.ports.actions_service import AccountStatus, Job
from flamebot.services.stepping.phases.run import Executed, ExecutePhase
from flamebot.services.time_budget import TimeBudget
from tests.unit.services.stand_ins import (
    INSTANCE,
    HandClock,
    ListTelemetry,
    ScriptedService,
    ScriptedWriter,
    begun,
    task,
)

BRIEF = TextBrief(kind=replace(BIO, max_length=50), model_id="m", channel_id="c", seed="s")
POLL = Payload(job_id="j1", key="k")
OLD = 20 * 3600 + 1.0


class Registrar:
    """Registers accounts, or raises an error."""

    def __init__(self, answer: AccountStatus | Exception = "active") -> None:
        self._answer = answer
        self.calls = 0

    def register(self, account_id: str, *, fence: int, budget: TimeBudget) -> AccountStatus:
        self.calls += 1
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class World:
    """One phase's surroundings."""

    def __init__(
        self,
        *,
        accounts: Registrar | None = None,
        text: str | Exception = "hello",
        **answers: object,
    ) -> None:
        self.service = ScriptedService(**{"account_status": "active", "find": None, **answers})
        self.accounts = accounts or Registrar()
        self.telemetry = ListTelemetry()
        self.clock = HandClock(rate=2.0)
        self.remaining = 60.0
        self.call_seconds = 0.0
        self._phases = ExecutePhase(
            service=self.service,
            writer=ScriptedWriter(text, tokens=12),
            accounts=self.accounts,  # type: ignore[arg-type]  # as much of it as is called
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def execute(
        self, of: Task, *, registered: int | None = 100001, brief: TextBrief | None = BRIEF
    ) -> Executed:
        """Execute the phase of one task."""
        budget = TimeBudget(
            lambda: self.remaining - self.call_seconds * len(self.service.calls),
            timedelta(seconds=30),
        )
        return self._phases.run(begun(of, registered=registered), lambda: brief, budget)


def submit(world: World, **changes: Any) -> Executed:
    """Execute a task of the submit phase."""
    return world.execute(task(Phase.SUBMIT, **changes))


def test_submit_sends_the_request_under_the_tasks_key() -> None:
    """The key is the task's id, the fencing token its fence, and the status is read first."""
    world = World(submit="j1")
    assert submit(world).outcome == Done(result={"job_id": "j1"})
    assert world.service.names() == ["account_status", "submit"]
    assert world.service.calls[1][1][2:] == (f"{INSTANCE}:3", 41)
    assert world.accounts.calls == 0


def test_a_new_version_is_registered_first() -> None:
    """The registration's answer has the status, which is not read again."""
    world = World(submit="j1")
    world.execute(task(Phase.SUBMIT), registered=100000)
    assert (world.accounts.calls, world.service.names()) == (1, ["submit"])


def test_an_account_that_the_service_forgot_is_registered_again() -> None:
    """404 for an account that was registered: register it again."""
    world = World(account_status=None, submit="j1")
    assert isinstance(submit(world).outcome, Done)
    assert world.accounts.calls == 1


@pytest.mark.parametrize("registered", [100001, None])
def test_a_suspended_account_is_left_alone(registered: int | None) -> None:
    """Whether the status call or the registration says so: nothing is sent."""
    world = World(account_status="suspended", accounts=Registrar("suspended"))
    outcome = world.execute(task(Phase.SUBMIT), registered=registered).outcome
    assert isinstance(outcome, Abort)
    assert outcome.error.startswith("account_suspended:")


def test_an_unknown_answer_to_the_write_is_sent_again() -> None:
    """The write may have happened: unknown, and the lock is left to expire.

    Retry-After is wall time, the wait schedule time, and never shorter.
    """
    executed = submit(World(submit=errors.OutcomeUnknown("503", retry_after=timedelta(seconds=7))))
    assert isinstance(executed.outcome, Retry)
    assert (executed.outcome.error, executed.outcome.unknown) == ("outcome_unknown: 503", True)
    assert executed.outcome.retry_after is not None
    assert timedelta(seconds=14) <= executed.outcome.retry_after <= timedelta(seconds=18)
    assert not executed.ended


def test_an_unknown_answer_before_the_write_is_none_of_it() -> None:
    """What failed was a question: the write was not sent, and its key is still unused."""
    executed = submit(World(account_status=errors.OutcomeUnknown("reset")))
    assert isinstance(executed.outcome, Retry)
    assert not executed.outcome.unknown


def test_what_was_unknown_stays_unknown() -> None:
    """A later question, refusal or failure tells nothing about an earlier write."""
    for answers in (
        {"account_status": errors.OutcomeUnknown()},
        {"submit": errors.ServiceRefused()},
        {"account_status": errors.StoreUnavailable()},
    ):
        outcome = submit(World(**answers), outcome_unknown=True).outcome
        assert isinstance(outcome, Retry | Fail)
        assert outcome.unknown


def test_throttling_defers() -> None:
    """429 counts no attempt; the wait is at least what the service requested, and is spread."""
    world = World(submit=errors.ServiceThrottled(retry_after=timedelta(seconds=10)))
    outcome = submit(world).outcome
    assert isinstance(outcome, Defer)
    assert timedelta(seconds=20) <= outcome.after <= timedelta(seconds=25)
    assert world.telemetry.counts["VendorThrottled"] == 1


def test_a_refusal_is_final() -> None:
    """A 422 response ends the attempts."""
    assert submit(World(submit=errors.ServiceRefused("422"))).outcome == Fail(error="refused: 422")


def test_a_refusal_leaves_the_lock_to_earlier_tries() -> None:
    """What was sent before under the key may still be on its way.

    Another write for the account must wait (I4).
    """
    assert not submit(World(submit=errors.ServiceRefused("422")), outcome_unknown=True).ended
    assert submit(World(submit=errors.ServiceRefused("422"))).ended


def test_an_answer_settles_earlier_tries() -> None:
    """The service has one job under the key and has reported it: nothing else is on its way."""
    executed = submit(World(submit="j1"), outcome_unknown=True)
    assert (executed.outcome, executed.ended) == (Done(result={"job_id": "j1"}), True)


def test_an_old_key_is_looked_up_not_sent() -> None:
    """Unknown for longer than the service keeps keys: what it knows decides."""
    world = World(find=Job(job_id="j9", status="running"))
    world.clock.elapsed = OLD
    assert submit(world, outcome_unknown=True).outcome == Done(result={"job_id": "j9"})
    assert world.service.names() == ["find"]


def test_an_old_key_that_is_forgotten_is_absent() -> None:
    """To send it again might be a second effect."""
    world = World(find=None)
    world.clock.elapsed = OLD
    assert submit(world, outcome_unknown=True).outcome == Absent(again=timedelta(seconds=60))
    assert world.service.names() == ["find"]


def test_an_old_key_that_was_never_sent_is_sent() -> None:
    """Age alone proves nothing: a task that was only deferred has an unused key."""
    world = World(submit="j1")
    world.clock.elapsed = OLD
    assert isinstance(submit(world).outcome, Done)


def test_no_write_is_begun_that_might_be_cut_off() -> None:
    """With less than a call's time left the task comes back at once, in another invocation."""
    world = World(submit="j1")
    world.remaining = 34
    assert submit(world).outcome == Defer(after=timedelta(seconds=2), reason="out_of_time")
    assert "submit" not in world.service.names()


@pytest.mark.parametrize("known", ["active", None])
def test_no_write_is_begun_when_the_question_before_it_took_the_time(
    known: AccountStatus | None,
) -> None:
    """Neither the effect nor the registration of an account that the service forgot."""
    world = World(account_status=known, submit="j1")
    world.call_seconds = 26
    assert submit(world).outcome == Defer(after=timedelta(seconds=2), reason="out_of_time")
    assert (world.service.names(), world.accounts.calls) == (["account_status"], 0)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("running", Continue()),
        ("succeeded", Done(result={"performed": 5})),
        ("failed", Retry(error="job_failed: boom", new_key=True)),
        ("cancelled", Retry(error="job_cancelled: boom", new_key=True)),
    ],
)
def test_a_poll_tells_how_far_the_job_is(status: Any, outcome: Outcome) -> None:
    """A job that ended failed or cancelled is done anew, under a new key."""
    world = World(job=Job(job_id="j1", status=status, result={"performed": 5}, error="boom"))
    assert world.execute(task(Phase.POLL, payload=POLL)).outcome == outcome


def test_a_poll_without_an_answer_is_repeated() -> None:
    """A question changes nothing: it counts no attempt and keeps no lock."""
    executed = World(job=errors.OutcomeUnknown("reset")).execute(task(Phase.POLL, payload=POLL))
    assert isinstance(executed.outcome, Defer)
    assert executed.ended


def test_a_job_that_is_gone_leaves_its_outcome_unknown() -> None:
    """The service did not report it as failed: a new key might be a second effect."""
    world = World(job=None, find=None)
    outcome = world.execute(task(Phase.POLL, payload=POLL)).outcome
    assert isinstance(outcome, Fail)
    assert outcome.unknown
    assert world.service.names() == ["job", "find"]


def test_a_text_is_checked() -> None:
    """What may not go on an account is written anew."""
    assert World(text=" hello ").execute(task(Phase.GENERATE)).outcome == Done(
        result={"text": "hello", "tokens": 12}
    )
    world = World(text="write me at www.example.com")
    outcome = world.execute(task(Phase.GENERATE)).outcome
    assert isinstance(outcome, Retry)
    assert outcome.error.startswith("text_rejected: The text has a link")
    assert "example" not in outcome.error
    assert outcome.text_issues == (TextIssueKind.LINK,)
    assert (world.telemetry.counts["AiTokens"], world.telemetry.counts["AiErrors"]) == (12, 1)


def test_a_writer_may_fail_or_refuse() -> None:
    """A failed writer is called again; one that refuses is not."""
    assert isinstance(World(text=errors.WriterError()).execute(task(Phase.GENERATE)).outcome, Retry)
    assert isinstance(
        World(text=errors.WriterRefused()).execute(task(Phase.GENERATE)).outcome, Fail
    )
    assert isinstance(World().execute(task(Phase.GENERATE), brief=None).outcome, Fail)


def test_a_wake_up_calls_no_service() -> None:
    """A timer task is done as soon as it runs."""
    world = World()
    assert world.execute(task(Phase.TIMER)).outcome == Done()
    assert world.service.calls == []


@pytest.mark.parametrize("phase", [Phase.GENERATE, Phase.SUBMIT, Phase.POLL, Phase.CANCEL])
def test_no_call_is_begun_that_might_be_cut_off(phase: Phase) -> None:
    """A commit before a successor may leave no time for its call."""
    world = World()
    world.remaining = 34
    assert world.execute(task(phase, payload=POLL)).outcome == Defer(
        after=timedelta(seconds=2), reason="out_of_time"
    )
    assert world.service.calls == []


def test_an_unexpected_error_is_an_attempt_of_unknown_outcome() -> None:
    """I10: the log has the type of the error, and neither log nor history its text."""
    world = World(submit=RuntimeError("planted-hunter2"))
    executed = submit(world)
    assert executed == Executed(
        outcome=Retry(
            error="unexpected: error in action swipe_with_spectre (see the step function's log)",
            unknown=True,
        ),
        ended=False,
    )
    assert "planted-hunter2" not in repr(world.telemetry.lines)
    assert world.telemetry.events() == ["phase_failed"]


def test_credentials_that_cannot_be_read_end_the_step() -> None:
    """No attempt will read them; a key service that is away is another matter."""
    assert isinstance(
        World(account_status=None, accounts=Registrar(errors.VaultError("hunter2")))
        .execute(task(Phase.SUBMIT))
        .outcome,
        Fail,
    )
    assert isinstance(
        World(account_status=None, accounts=Registrar(errors.Unavailable()))
        .execute(task(Phase.SUBMIT))
        .outcome,
        Retry,
    )


def test_a_cancel_without_an_answer_is_tried_again() -> None:
    """It is an attempt, and the lock is left to lapse."""
    executed = World(cancel=errors.OutcomeUnknown()).execute(task(Phase.CANCEL, payload=POLL))
    assert isinstance(executed.outcome, Retry)
    assert not executed.ended


def test_what_was_throttled_together_comes_back_apart() -> None:
    """Every wait that a service names is spread, a date for all of them too, and never shorter."""
    wait = timedelta(seconds=10)
    for error in (
        errors.ServiceThrottled(retry_after=wait),
        errors.OutcomeUnknown("503", retry_after=wait),
        errors.ServiceDenied(retry_after=wait),
        errors.ServiceNotReady(retry_after=wait),
        errors.ServiceConflict(retry_after=wait, in_progress=True),
    ):
        waits = []
        for number in range(20):
            world = World(submit=error, find=None)
            outcome = submit(world, task_id=f"{INSTANCE}:{number}").outcome
            assert isinstance(outcome, Defer | Retry)
            waits.append(outcome.after if isinstance(outcome, Defer) else outcome.retry_after)
        spread = [found for found in waits if found is not None]
        assert min(spread) >= timedelta(seconds=20)
        assert max(spread) - min(spread) > timedelta(seconds=3), error
