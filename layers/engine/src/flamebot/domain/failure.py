"""Decisions after a phase that did not succeed: another attempt, a deferral, or a failed step."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

from flamebot.domain.advance import advance
from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.duration import duration_text
from flamebot.domain.error_text import code_of, tidy
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.outcome import Abort, Absent, Defer, Fail, LeaseExpired, Retry
from flamebot.domain.plan_context import PlanContext
from flamebot.domain.polling import poll_wait
from flamebot.domain.service_call import ServiceRecord
from flamebot.domain.task import Payload, Phase

_ZERO = timedelta()
# A cancel is deferred at least this often, also when it begins long after its step's timeout.
CANCEL_LOOKS = 10


def retried(ctx: PlanContext, outcome: Retry) -> Decision:
    """Decide what follows a failed attempt: try again after a wait, if attempts and time are left.

    Two different retries: the same row again under the same key, if the request may have taken
    effect or was never sent; a new task with a new key, if the service has ended the job.
    """
    phase = ctx.task.phase
    if outcome.text_issues:  # guard: text-issues-are-kept
        kinds = (*(ctx.payload.text_issues or ()), *outcome.text_issues)
        payload = ctx.payload.carried(text_issues=tuple(dict.fromkeys(kinds)))
        ctx = replace(ctx, payload=payload)
    # A poll or a look-up changes nothing at the service, so it is no attempt, however often it
    # fails.
    if ctx.only_reads and not outcome.new_key:  # guard: poll-is-no-attempt
        after = max(poll_wait(ctx.payload.polls + 1), outcome.retry_after or _ZERO)
        return deferred(ctx, Defer(after=after, reason=outcome.error))
    # guard: failure-of-the-service-is-no-attempt
    if outcome.unanswered and ctx.service_record is not ServiceRecord.ANSWERED:
        return _unanswered(ctx, outcome)
    # From here on the failure is about this work: the service is well, or responded.
    since = ctx.now if outcome.unanswered else None
    ctx = replace(ctx, payload=ctx.payload.carried(unanswered=0, unanswered_since=since))
    # Counted for a timer too, which is no attempt otherwise: else its retries would never end.
    tries = ctx.tries + (phase is Phase.TIMER)
    new_key = outcome.new_key and phase in (Phase.SUBMIT, Phase.POLL)
    # A response that names the job's end settles every earlier attempt under the key.
    unknown = not new_key and (outcome.unknown or ctx.task.outcome_unknown)  # guard: still-unknown
    if tries >= ctx.limit:  # guard: attempt-limit
        return given_up(ctx, f"{outcome.error} (attempt {tries} of {ctx.limit})", unknown=unknown)
    # A cancel is not bound by the timeout: it is what a timeout, or a stop after it, leads to.
    if phase is not Phase.CANCEL and ctx.now >= ctx.deadline:  # guard: attempt-before-deadline
        return failed(ctx, f"{ctx.timed_out} ({outcome.error})", unknown=unknown)
    ctx = ctx.extended(outcome.retry_after or _ZERO)  # guard: requested-wait-extends
    wait = max(ctx.backoff(tries), outcome.retry_after or _ZERO)  # guard: retry-wait
    at = ctx.after(wait)
    # The step's time is over when it is over, not when its backoff is too long for the rest of it:
    # the last attempt is made at the deadline.
    if phase is not Phase.CANCEL:
        at = min(at, ctx.deadline)  # guard: last-attempt-at-the-deadline
    history = (ctx.entry("retried", error=tidy(outcome.error)),)
    # Resending under the key of a job that has failed would return that job again; a new key for a
    # request that may have taken effect would make a second job.
    if not new_key:  # guard: resend-or-new-key
        return ctx.reschedule(
            at, attempts=tries, error=outcome.error, unknown=unknown, history=history
        )
    payload = ctx.payload.carried(job_id=None, key=None, polls=0)  # guard: forget-old-job
    return Decision(
        task=ctx.finish("failed", error=outcome.error),
        instance=InstanceWrite(current_step=ctx.step_index),
        history=history,
        next=ctx.next(Phase.SUBMIT, at, payload, attempts=tries),  # guard: attempts-carried
    )


def _unanswered(ctx: PlanContext, outcome: Retry) -> Decision:
    """Decide what follows a call without a response that may be the fault of its service.

    No attempt is counted unless the service has answered other tasks since the task's last failure.
    """
    payload = ctx.payload
    # A timeout of weeks would be weeks of calls to a service that is gone.
    if timedelta(milliseconds=payload.waited_ms) >= ctx.give_up_after:  # guard: outage-has-an-end
        error = f"{outcome.error} (given up after {duration_text(ctx.give_up_after)})"
        unknown = outcome.unknown or ctx.task.outcome_unknown
        return given_up(ctx, error, unknown=unknown, tried=False)
    # Compared is the time since the first failure, until it is known how the service was then.
    # guard: sick-service-is-watched-anew
    sick = ctx.service_record is ServiceRecord.SICK or payload.unanswered_since is None
    unanswered = payload.unanswered + 1
    since = ctx.now if sick else payload.unanswered_since
    payload = payload.carried(unanswered=unanswered, unanswered_since=since)
    after = max(ctx.backoff(unanswered), outcome.retry_after or _ZERO)
    defer = Defer(after=after, reason=outcome.error)
    return deferred(replace(ctx, payload=payload), defer, unknown=outcome.unknown)


def deferred(ctx: PlanContext, outcome: Defer, *, unknown: bool = False) -> Decision:
    """Decide to run the task later without counting an attempt, until its time is over.

    Args:
        ctx: What is planned.
        outcome: For how long, and why.
        unknown: The call that failed may have taken effect.
    """
    phase = ctx.task.phase
    at = ctx.after(outcome.after)
    ctx = ctx.deferral(outcome.after, outcome.reason)
    if phase is Phase.TIMER:  # guard: timer-never-overdue
        # A timer has nothing to time out: its workflow continues, however late.
        return ctx.reschedule(at, error=outcome.reason)
    if ctx.only_reads or phase is Phase.CANCEL:
        # The step's timeout applies to a response (see `still_running`). Without any response the
        # engine gives up later, at the last resort; a cancel may begin after it, so it has a number
        # of tries in any case.
        end = ctx.last_resort  # guard: last-resort
        # guard: cancel-looks
        enough = phase is not Phase.CANCEL or ctx.payload.polls >= CANCEL_LOOKS
        overdue = enough and ctx.now >= end
        payload = ctx.payload.carried(polls=ctx.payload.polls + 1)
    else:
        overdue = ctx.now >= ctx.deadline  # guard: deferral-deadline
        payload = ctx.extended(outcome.after).payload  # guard: deferral-extends
        end = replace(ctx, payload=payload).deadline
    if not overdue:
        # A wait that reaches past the end is cut there: the service is called once more.
        if at > end > ctx.now:  # guard: last-call-at-the-end
            at = end
        return ctx.reschedule(at, payload=payload, error=outcome.reason, unknown=unknown)
    if phase is Phase.POLL:
        error = f"outcome_unknown: the job's status could not be read in time ({outcome.reason})"
        return failed(ctx, error, unknown=True)  # guard: silent-job-unknown
    if phase is Phase.CANCEL:
        return unconfirmed(ctx, outcome.reason, tried=False)
    if ctx.payload.look_up is not None:
        error = f"{ctx.payload.look_up}; it could not be looked up in time ({outcome.reason})"
        return failed(ctx, error, unknown=True, tried=False)
    unknown = unknown or ctx.task.outcome_unknown  # guard: deferred-unknown
    return failed(ctx, f"{ctx.timed_out} ({outcome.reason})", unknown=unknown, tried=False)


def absent(ctx: PlanContext, outcome: Absent) -> Decision:
    """Decide what follows a look-up of a write that found no job: a second one, then failure.

    The outcome stays unknown: a retry by an operator sends the write again under the same key.
    """
    error = ctx.payload.look_up or "outcome_unknown: sent longer ago than the service keeps keys"
    if ctx.payload.absent:
        detail = f"{error}; the service knows no job under its key"
        return failed(ctx, detail, unknown=True, tried=False)  # guard: absent-key-stays-unknown
    # The request may have been on its way during the look-up. By then it has arrived.
    payload = ctx.payload.carried(look_up=tidy(error), absent=True)
    return ctx.reschedule(ctx.after(outcome.again), payload=payload, error=error, unknown=True)


def lease_expired(ctx: PlanContext, outcome: LeaseExpired) -> Decision:
    """Decide what follows an expired lease: the same row again at once, up to a limit.

    A crash is not an attempt. It has its own limit, so that a task that kills its worker ends.
    """
    task = ctx.task
    # The worker may have died after its request was sent and before its commit.
    unknown = task.phase is Phase.SUBMIT  # guard: expired-submit-unknown
    if code_of(outcome.error) == "undeliverable":  # guard: undeliverable-fails
        error = "undeliverable: its message was sent repeatedly and no worker began it"
    elif task.reclaims >= ctx.definition.max_reclaims:  # guard: reclaim-limit
        error = f"crash_loop: its lease expired without a commit {task.reclaims} times"
    else:
        payload = ctx.payload
        last = task.reclaims + 1 >= ctx.definition.max_reclaims
        if task.phase is Phase.SUBMIT and last and payload.look_up is None:
            # The last run before the limit is a look-up: no write is failed without one.
            look_up = "crash_loop: its lease expired repeatedly without a commit"
            payload = payload.carried(look_up=look_up, polls=0)  # guard: last-run-looks-up
        history = (ctx.entry("reclaimed", error=outcome.error),)  # guard: reclaim-is-in-the-history
        return ctx.reschedule(
            ctx.now, payload=payload, error=outcome.error, unknown=unknown, history=history
        )
    unknown = unknown or task.phase is Phase.POLL  # guard: expired-poll-unknown
    # Not looked up: a worker that did so would crash or not receive the task, like those before.
    # guard: crash-is-no-attempt
    return given_up(ctx, error, unknown=unknown, tried=False, look_up=False)


def refused(ctx: PlanContext, outcome: Fail) -> Decision:
    """Decide what follows a failure that another attempt would only repeat."""
    if ctx.payload.look_up is not None and ctx.task.phase is Phase.SUBMIT:
        error = f"{ctx.payload.look_up}; its look-up failed ({outcome.error})"
        return failed(ctx, error, unknown=True, tried=False)
    # A refusal says nothing about an earlier request under the same key.
    unknown = outcome.unknown or ctx.task.outcome_unknown  # guard: refusal-settles-nothing
    if ctx.task.phase is Phase.SUBMIT and not unknown and ctx.payload.text is not None:
        # The service may have refused the text: a retry by an operator generates another one.
        without_text = ctx.payload.carried(text=None)  # guard: refused-text-dropped
        return failed(ctx, outcome.error, payload=without_text)
    return given_up(ctx, outcome.error, unknown=unknown)


def aborted(ctx: PlanContext, outcome: Abort) -> Decision:
    """Decide to fail the workflow, whether or not the step is critical."""
    if ctx.task.phase is Phase.CANCEL:
        # The workflow is ending already; all that is left to say is that its job may still run.
        return unconfirmed(ctx, outcome.error)
    return failed(
        ctx,
        outcome.error,
        unknown=ctx.task.outcome_unknown or ctx.task.phase is Phase.POLL,
        tried=False,
        look_up=False,
        abort=True,
        suspend_account=code_of(outcome.error) == "account_suspended",
    )


def given_up(
    ctx: PlanContext, error: str, *, unknown: bool, tried: bool = True, look_up: bool = True
) -> Decision:
    """Decide to try no more, of an effect or of a cancellation."""
    if ctx.task.phase is Phase.CANCEL:
        return unconfirmed(ctx, error, tried=tried)
    return failed(ctx, error, unknown=unknown, tried=tried, look_up=look_up)


def failed(
    ctx: PlanContext,
    error: str,
    *,
    unknown: bool = False,
    tried: bool = True,
    look_up: bool = True,
    abort: bool = False,
    suspend_account: bool = False,
    to: Literal["completed", "failed"] = "failed",
    payload: Payload | None = None,
) -> Decision:
    """Decide that the step has failed: the workflow fails too, or continues after the step.

    Args:
        ctx: What is planned.
        error: Why, as "code: detail".
        unknown: The request may have taken effect: a retry sends it under the same key, and a stop
            that came in the meantime cancels its job.
        tried: An attempt was made just now.
        look_up: A write of unknown outcome is looked up before it is failed.
        abort: The workflow fails even if the step is not critical.
        suspend_account: The service has suspended the account.
        to: The task's final status; a cancel that succeeded is completed, though its step failed.
        payload: The task's new payload. None: unchanged, with the step's clock.
    """
    error = tidy(error)
    # guard: unknown-write-is-looked-up
    if look_up and unknown and ctx.task.phase is Phase.SUBMIT and ctx.payload.look_up is None:
        attempts = ctx.tries if tried else ctx.task.attempts
        payload = ctx.payload.carried(look_up=error, polls=0)
        at = ctx.after(poll_wait(0))
        return ctx.reschedule(at, attempts=attempts, payload=payload, error=error, unknown=True)
    write = ctx.finish(
        to, error=error, unknown=unknown, tried=tried, payload=payload or ctx.payload
    )
    entry = ctx.entry("failed", error=error)
    if abort or ctx.step.critical:  # guard: abort-or-critical
        decision = Decision(
            task=write,
            instance=InstanceWrite(current_step=ctx.step_index, status="failed", last_error=error),
            history=(entry,),
            suspend_account=suspend_account,
        )
    else:
        result = advance(ctx.definition, ctx.instance, ctx.step_index + 1, ctx.now, ctx.random)
        decision = result.decision(write, history=(entry,))
    if unknown:  # guard: failure-stop
        decision = ctx.unless_stopping(decision, unknown=unknown)
    return decision


def unconfirmed(ctx: PlanContext, error: str, *, tried: bool = True) -> Decision:
    """Decide that a job's cancellation is not confirmed: an operator should look at the service."""
    detail = tidy(f"cancel_unconfirmed: {error}")
    if not is_stop(ctx):
        # Job id and key stay in the payload: `plan_retry` polls the job before it sends anything.
        decision = failed(ctx, f"{ctx.timed_out}; {detail}", tried=tried)
        cancel = ctx.cancel("stop", run=False)
        return replace(decision, if_stopping=cancel)  # guard: unconfirmed-stop
    return Decision(
        task=ctx.finish("failed", error=detail, unknown=True, tried=tried),
        instance=InstanceWrite(current_step=ctx.step_index, status="stopped", last_error=detail),
        history=(ctx.entry("failed", error=detail),),
    )


def is_stop(ctx: PlanContext) -> bool:
    """Return whether a cancel ends in `stopped`: a stop created it or came after it."""
    # The reason alone is not enough: a timeout's cancel may be running when the stop arrives.
    stopping = ctx.instance.status is InstanceStatus.STOPPING
    return ctx.payload.reason == "stop" or stopping  # guard: stop-after-timeout
