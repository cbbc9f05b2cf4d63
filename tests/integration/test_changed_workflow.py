"""changed_workflow: a control function returns what GET shows."""

from __future__ import annotations

from tests.support.builders import a_next, after, an_instance
from tests.support.databases import TestDatabase
from tests.support.stores import ALICE, control, polling, reads


def test_the_answer_is_what_get_shows(database: TestDatabase) -> None:
    """The result equals what GET shows, key by key, in types and times too."""
    started = an_instance(database, a_next(at=after(hours=1)))
    changed = control(database, after(minutes=1)).pause_workflow(started.instance_id, ALICE)
    assert changed.workflow == reads(database).workflow(started.instance_id)
    assert changed.workflow["task"]["scheduled_for"] == after(hours=1)


def test_only_what_this_call_queued_is_to_be_sent(database: TestDatabase) -> None:
    """A task that was queued before is not returned for sending: it has a message already."""
    started = an_instance(database)
    assert control(database).resume_workflow(started.instance_id, "freeze", ALICE).send == []
    stopped = polling(database)
    (pointer,) = control(database).stop_workflow(stopped.instance_id, ALICE).send
    assert pointer.alone is False
