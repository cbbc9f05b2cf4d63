"""What follows when a phase did not reach its end: another attempt, a later one, or the end of the step."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.outcome import Defer, Fail, Halt, Lost, Retry
from flamebot.domain.polling import poll_wait
from flamebot.domain.situation import Situation, code_of, tidy
from flamebot.domain.task import Payload, Phase
from flamebot.domain.walk import walk

_NOTHING = timedelta()
CANCEL_LOOKS = 10  # how often a cancel is put off at the least: it may be made long after its step's time was over


def retried(situation: Situation, outcome: Retry) -> Decision:
    """Try again after a wait, if attempts and time are left."""
    phase = situation.task.phase
    if phase is Phase.POLL and not outcome.redo:  # asking is no attempt
        after = max(poll_wait(situation.payload.polls + 1), outcome.retry_after or _NOTHING)
        return deferred(situation, Defer(after=after, reason=outcome.error))
    tries = situation.task.attempts + (phase is not Phase.POLL)
    redo = outcome.redo and phase in (Phase.SUBMIT, Phase.POLL)
    unknown = not redo and (outcome.unknown or situation.task.outcome_unknown)
    if tries >= situation.limit:
        return given_up(situation, f"{outcome.error} (attempt {tries} of {situation.limit})", unknown=unknown)
    at = situation.after(max(situation.backoff(tries), outcome.retry_after or _NOTHING))
    if phase is not Phase.CANCEL and at > situation.deadline:
        return failed(situation, _timed_out(situation, outcome.error), unknown=unknown)
    history = (situation.entry("retried", error=tidy(outcome.error)),)
    if not redo:
        return situation.again(at, attempts=tries, error=outcome.error, unknown=unknown, history=history)
    # The service called the work failed: a new task, and with it a new key.
    payload = situation.payload.carried(job_id=None, key=None, polls=0)
    return Decision(
        task=situation.over("failed", error=outcome.error),
        instance=InstanceWrite(current_step=situation.place),
        history=history,
        next=situation.next(Phase.SUBMIT, at, payload, attempts=tries),
    )


def deferred(situation: Situation, outcome: Defer) -> Decision:
    """Put it off without counting an attempt, as long as the step's timeout lasts."""
    at = situation.after(outcome.after)
    match situation.task.phase:
        case Phase.WAKE:
            overdue = False
        case Phase.POLL | Phase.CANCEL as phase:
            # The timeout itself is judged on an answer only (a job is known to run, or not); but not for ever.
            overdue = at > situation.last_resort and (phase is Phase.POLL or situation.payload.polls >= CANCEL_LOOKS)
        case _:
            overdue = at > situation.deadline
    if not overdue:
        payload = situation.payload.carried(polls=situation.payload.polls + (situation.task.phase in (Phase.POLL, Phase.CANCEL)))
        return situation.again(at, payload=payload, error=outcome.reason)
    if situation.task.phase is Phase.POLL:
        return failed(situation, f"outcome_unknown: the job gave no answer in time ({outcome.reason})", unknown=True)
    if situation.task.phase is Phase.CANCEL:
        return unconfirmed(situation, outcome.reason, tried=False)
    return failed(situation, _timed_out(situation, outcome.reason), unknown=situation.task.outcome_unknown, tried=False)


def lost(situation: Situation, outcome: Lost) -> Decision:
    """Whoever ran it is gone: the same row again at once, until it was taken over too often."""
    task = situation.task
    unknown = task.phase is Phase.SUBMIT  # what was sent may have arrived
    if code_of(outcome.error) == "undeliverable":
        error = "undeliverable: its message was sent again and again, and nobody began it"
    elif task.reaps >= situation.definition.max_reaps:
        error = f"crash_loop: whoever ran it was lost {task.reaps} times"
    else:
        return situation.again(situation.now, error=outcome.error, unknown=unknown)
    return given_up(situation, error, unknown=unknown or task.phase is Phase.POLL, tried=False)


def refused(situation: Situation, outcome: Fail) -> Decision:
    """No further attempt makes sense."""
    # A refusal does not tell what became of an earlier try under the same key.
    unknown = outcome.unknown or situation.task.outcome_unknown
    if situation.task.phase is Phase.SUBMIT and not unknown and situation.payload.text is not None:
        # The text was refused with the request: whoever retries the step has a new one written.
        return failed(situation, outcome.error, payload=situation.payload.carried(text=None))
    return given_up(situation, outcome.error, unknown=unknown)


def halted(situation: Situation, outcome: Halt) -> Decision:
    """The account may not be acted on: the workflow fails, whatever `critical` says."""
    if situation.task.phase is Phase.CANCEL:  # a workflow that is ending has nothing to be kept from but this
        return unconfirmed(situation, outcome.error)
    unknown = situation.task.outcome_unknown or situation.task.phase is Phase.POLL
    suspend = code_of(outcome.error) == "account_suspended"
    return failed(situation, outcome.error, unknown=unknown, tried=False, halt=True, suspend_account=suspend)


def given_up(situation: Situation, error: str, *, unknown: bool, tried: bool = True) -> Decision:
    """Attempts are used up, or senseless."""
    if situation.task.phase is Phase.CANCEL:
        return unconfirmed(situation, error, tried=tried)
    return failed(situation, error, unknown=unknown, tried=tried)


def failed(
    situation: Situation,
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
    write = situation.over(to, error=error, unknown=unknown, tried=tried, payload=payload or situation.payload)
    entry = situation.entry("failed", error=error)
    if halt or situation.step.critical:
        decision = Decision(
            task=write,
            instance=InstanceWrite(current_step=situation.place, status="failed", last_error=error),
            history=(entry,),
            suspend_account=suspend_account,
        )
    else:
        arrival = walk(situation.definition, situation.instance, situation.place + 1, situation.now, situation.draw)
        decision = arrival.decision(write, history=(entry,))
    return situation.unless_stopping(decision, unknown=unknown) if unknown else decision


def unconfirmed(situation: Situation, error: str, *, tried: bool = True) -> Decision:
    """The job could not be taken back for certain; somebody should look at the service."""
    detail = tidy(f"cancel_unconfirmed: {error}")
    if not is_stop(situation):
        # Its job id and key stay: `plan_retry` asks after the job before anything is sent anew.
        decision = failed(situation, f"step_timeout: not finished within {situation.step.timeout}; {detail}", tried=tried)
        return replace(decision, if_stopping=situation.cancel("stop", run=False))
    return Decision(
        task=situation.over("failed", error=detail, unknown=True, tried=tried),
        instance=InstanceWrite(current_step=situation.place, status="stopped", last_error=detail),
        history=(situation.entry("failed", error=detail),),
    )


def is_stop(situation: Situation) -> bool:
    """Whether a cancel ends in `stopped`: it was made for a stop, or a stop came after it."""
    return situation.payload.reason == "stop" or situation.instance.status is InstanceStatus.STOPPING


def _timed_out(situation: Situation, error: str) -> str:
    return f"step_timeout: not finished within {situation.step.timeout} ({error})"
