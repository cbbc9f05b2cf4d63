"""has_active_workflow returns whether an account has a live workflow."""

from __future__ import annotations

from tests.support.builders import an_instance, pause, stop
from tests.support.databases import TestDatabase

HAS_ACTIVE = "select has_active_workflow(%s)"


def test_live_means_active_paused_or_stopping(database: TestDatabase) -> None:
    """A paused workflow is live, a stopped one is not."""
    started = an_instance(database)
    assert database.value(HAS_ACTIVE, (started.account_id,)) is True
    pause(database, started.instance_id)
    assert database.value(HAS_ACTIVE, (started.account_id,)) is True
    stop(database, started.instance_id)
    assert database.value(HAS_ACTIVE, (started.account_id,)) is False
    assert database.value(HAS_ACTIVE, ("no-such-account",)) is False
