"""What follows when a phase did not reach its end: another attempt, a later one, or the end of the step."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

from flamebot.domain.advance import advance
from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.outcome import Abort, Defer, Fail, LeaseExpired, Retry
from flamebot.domain.plan_context import PlanContext, code_of, tidy
from flamebot.domain.polling import poll_wait
from flamebot.domain.task import Payload, Phase

_NOTHING = timedelta()
CANCEL_LOOKS = 10  # how often a cancel is put off at the least: it may be made long after its step's time was over


def retried(ctx: PlanContext, outcome: Retry) -> Decision:
    """Try again after a wait, if attempts and time are left."""
    phase = ctx.task.phase
    if phase is Phase.POLL and not outcome.new_key:  # asking is no attempt
        after = max(poll_wait(ctx.payload.polls + 1), outcome.retry_after or _NOTHING)
        return deferred(ctx, Defer(after=after, reason=outcome.error))
    tries = ctx.task.attempts + (phase is not Phase.POLL)
    new_key = outcome.new_key and phase in (Phase.SUBMIT, Phase.POLL)
    unknown = not new_key and (outcome.unknown or ctx.task.outcome_unknown)
    if tries >= ctx.limit:
        return given_up(ctx, f"{outcome.error} (attempt {tries} of {ctx.limit})", unknown=unknown)
    at = ctx.after(max(ctx.backoff(tries), outcome.retry_after or _NOTHING))
    if phase is not Phase.CANCEL and at > ctx.deadline:
        return failed(ctx, _timed_out(ctx, outcome.error), unknown=unknown)
    history = (ctx.entry("retried", error=tidy(outcome.error)),)
    if not new_key:
        return ctx.reschedule(
            at, attempts=tries, error=outcome.error, unknown=unknown, history=history
        )
    # The service called the work failed: a new task, and with it a new key.
    payload = ctx.payload.carried(job_id=None, key=None, polls=0)
    return Decision(
        task=ctx.finish("failed", error=outcome.error),
        instance=InstanceWrite(current_step=ctx.place),
        history=history,
        next=ctx.next(Phase.SUBMIT, at, payload, attempts=tries),
    )


def deferred(ctx: PlanContext, outcome: Defer) -> Decision:
    """Put it off without counting an attempt, as long as the step's timeout lasts."""
    at = ctx.after(outcome.after)
    match ctx.task.phase:
        case Phase.TIMER:
            overdue = False
        case Phase.POLL | Phase.CANCEL as phase:
            # The timeout itself is judged on an answer only (a job is known to run, or not); but not for ever.
            overdue = at > ctx.last_resort and (
                phase is Phase.POLL or ctx.payload.polls >= CANCEL_LOOKS
            )
        case _:
            overdue = at > ctx.deadline
    if not overdue:
        payload = ctx.payload.carried(
            polls=ctx.payload.polls + (ctx.task.phase in (Phase.POLL, Phase.CANCEL))
        )
        return ctx.reschedule(at, payload=payload, error=outcome.reason)
    if ctx.task.phase is Phase.POLL:
        return failed(
            ctx, f"outcome_unknown: the job gave no answer in time ({outcome.reason})", unknown=True
        )
    if ctx.task.phase is Phase.CANCEL:
        return unconfirmed(ctx, outcome.reason, tried=False)
    return failed(
        ctx, _timed_out(ctx, outcome.reason), unknown=ctx.task.outcome_unknown, tried=False
    )


def lost(ctx: PlanContext, outcome: LeaseExpired) -> Decision:
    """Whoever ran it is gone: the same row again at once, until it was reclaimed too often."""
    task = ctx.task
    unknown = task.phase is Phase.SUBMIT  # what was sent may have arrived
    if code_of(outcome.error) == "undeliverable":
        error = "undeliverable: its message was sent again and again, and nobody began it"
    elif task.reclaims >= ctx.definition.max_reclaims:
        error = f"crash_loop: whoever ran it was lost {task.reclaims} times"
    else:
        return ctx.reschedule(ctx.now, error=outcome.error, unknown=unknown)
    return given_up(ctx, error, unknown=unknown or task.phase is Phase.POLL, tried=False)


def refused(ctx: PlanContext, outcome: Fail) -> Decision:
    """No further attempt makes sense."""
    # A refusal does not tell what became of an earlier try under the same key.
    unknown = outcome.unknown or ctx.task.outcome_unknown
    if ctx.task.phase is Phase.SUBMIT and not unknown and ctx.payload.text is not None:
        # The text was refused with the request: whoever retries the step has a new one written.
        return failed(ctx, outcome.error, payload=ctx.payload.carried(text=None))
    return given_up(ctx, outcome.error, unknown=unknown)


def aborted(ctx: PlanContext, outcome: Abort) -> Decision:
    """The account may not be acted on: the workflow fails, whatever `critical` says."""
    if (
        ctx.task.phase is Phase.CANCEL
    ):  # a workflow that is ending has nothing to be kept from but this
        return unconfirmed(ctx, outcome.error)
    unknown = ctx.task.outcome_unknown or ctx.task.phase is Phase.POLL
    suspend = code_of(outcome.error) == "account_suspended"
    return failed(
        ctx, outcome.error, unknown=unknown, tried=False, halt=True, suspend_account=suspend
    )


def given_up(ctx: PlanContext, error: str, *, unknown: bool, tried: bool = True) -> Decision:
    """Attempts are used up, or senseless."""
    if ctx.task.phase is Phase.CANCEL:
        return unconfirmed(ctx, error, tried=tried)
    return failed(ctx, error, unknown=unknown, tried=tried)


def failed(
    ctx: PlanContext,
    error: str,
    *,
    unknown: bool = False,
    tried: bool = True,
    halt: bool = False,
    suspend_account: bool = False,
    to: Literal["completed", "failed"] = "failed",
    payload: Payload | None = None,
) -> Decision:
    """The step has failed: with a critical one the workflow does; otherwise it is recorded, and the workflow goes on.

    `tried`: an attempt was made just now. `halt`: the workflow fails in any case.
    """
    error = tidy(error)
    write = ctx.finish(
        to, error=error, unknown=unknown, tried=tried, payload=payload or ctx.payload
    )
    entry = ctx.entry("failed", error=error)
    if halt or ctx.step.critical:
        decision = Decision(
            task=write,
            instance=InstanceWrite(current_step=ctx.place, status="failed", last_error=error),
            history=(entry,),
            suspend_account=suspend_account,
        )
    else:
        arrival = advance(ctx.definition, ctx.instance, ctx.place + 1, ctx.now, ctx.draw)
        decision = arrival.decision(write, history=(entry,))
    return ctx.unless_stopping(decision, unknown=unknown) if unknown else decision


def unconfirmed(ctx: PlanContext, error: str, *, tried: bool = True) -> Decision:
    """The job could not be taken back for certain; somebody should look at the service."""
    detail = tidy(f"cancel_unconfirmed: {error}")
    if not is_stop(ctx):
        # Its job id and key stay: `plan_retry` asks after the job before anything is sent anew.
        decision = failed(
            ctx, f"step_timeout: not finished within {ctx.step.timeout}; {detail}", tried=tried
        )
        return replace(decision, if_stopping=ctx.cancel("stop", run=False))
    return Decision(
        task=ctx.finish("failed", error=detail, unknown=True, tried=tried),
        instance=InstanceWrite(current_step=ctx.place, status="stopped", last_error=detail),
        history=(ctx.entry("failed", error=detail),),
    )


def is_stop(ctx: PlanContext) -> bool:
    """Whether a cancel ends in `stopped`: it was made for a stop, or a stop came after it."""
    return ctx.payload.reason == "stop" or ctx.instance.status is InstanceStatus.STOPPING


def _timed_out(ctx: PlanContext, error: str) -> str:
    return f"step_timeout: not finished within {ctx.step.timeout} ({error})"
