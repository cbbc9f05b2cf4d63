"""allowed_actions: the actions that the read side offers are those that succeed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.errors import Busy, NotAllowed
from tests.support.builders import NOON, Started, a_cancel, a_submit, an_instance
from tests.support.databases import TestDatabase
from tests.support.stores import ALICE, control, failed, polling, reads, running, unsure

ONWARD = Decision(task=None, instance=InstanceWrite(current_step=2), next=a_submit(NOON))


def paused(database: TestDatabase) -> Started:
    """Return an instance that is paused."""
    started = an_instance(database)
    control(database).pause_workflow(started.instance_id, ALICE)
    return started


def stopped(database: TestDatabase) -> Started:
    """Return an instance that is stopped."""
    started = an_instance(database)
    control(database).stop_workflow(started.instance_id, ALICE)
    return started


def stopping(database: TestDatabase) -> Started:
    """Return an instance that is stopping."""
    started = polling(database)
    control(database).stop_workflow(started.instance_id, ALICE)
    return started


def timing_out(database: TestDatabase) -> Started:
    """Return an instance whose job is being cancelled after its step's timeout."""
    return an_instance(database, a_cancel(reason="timeout"))


STATES: dict[Callable[[TestDatabase], Started], list[str]] = {
    an_instance: ["pause", "stop", "run-now", "skip-step"],
    running: ["pause", "stop"],
    polling: ["pause", "stop"],
    timing_out: ["pause", "stop"],
    unsure: ["pause", "stop", "run-now"],
    paused: ["resume", "stop", "skip-step"],
    failed: ["retry"],
    stopping: [],
    stopped: [],
}
NO_CHANGE = {"pause": "paused", "resume": "active", "stop": ("stopping", "stopped")}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("action", ["pause", "resume", "stop", "retry", "run-now", "skip-step"])
def test_what_is_offered_is_done_and_nothing_else(
    database: TestDatabase, state: Callable[[TestDatabase], Started], action: str
) -> None:
    """In each state a listed action succeeds; another one is refused with the list."""
    started = state(database)
    shown = reads(database).workflow(started.instance_id)
    assert shown["allowed_actions"] == STATES[state]
    store, key, revision = control(database), started.instance_id, shown["revision"]
    calls: dict[str, Callable[[], object]] = {
        "pause": lambda: store.pause_workflow(key, ALICE),
        "resume": lambda: store.resume_workflow(key, "freeze", ALICE),
        "stop": lambda: store.stop_workflow(key, ALICE),
        "retry": lambda: store.retry_workflow(key, revision, ONWARD, ALICE),
        "run-now": lambda: store.run_workflow_now(key, revision, ALICE),
        "skip-step": lambda: store.skip_step(key, revision, ONWARD, ALICE),
    }
    if action in STATES[state]:
        calls[action]()
    elif shown["status"] in NO_CHANGE.get(action, ()):
        calls[action]()
        assert reads(database).workflow(key) == shown
    else:
        with pytest.raises((NotAllowed, Busy)) as refusal:
            calls[action]()
        assert refusal.value.context.get("allowed", STATES[state]) == STATES[state]
        assert reads(database).workflow(key) == shown
