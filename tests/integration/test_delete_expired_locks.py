"""delete_expired_locks deletes expired locks and no others."""

from __future__ import annotations

import pytest

from tests.support.databases import TestDatabase
from tests.support.stores import maintenance


def test_only_expired_locks_go(database: TestDatabase) -> None:
    """Locks expire in wall time, whatever the schedule clock shows."""
    database.rows(
        "select acquire_workflow_lock('over', 'me', 0), acquire_workflow_lock('mine', 'me', 300)"
    )
    database.rows(
        "update workflow_locks set expires_at = expires_at - interval '1 ms'"
        " where lock_key = 'over'"
    )
    assert maintenance(database).delete_expired_locks() == 1
    assert database.value("select array_agg(lock_key) from workflow_locks") == ["mine"]
    assert maintenance(database).delete_expired_locks() == 0


@pytest.mark.race
def test_a_lock_that_is_being_renewed_is_left(database: TestDatabase) -> None:
    """Cleanup neither deletes a lock that is being renewed nor waits for it."""
    database.rows(
        "insert into workflow_locks (lock_key, locked_by, expires_at)"
        " values ('l', 'me', clock_timestamp() - interval '1 s')"
    )
    holder = database.session()
    holder.begin()
    holder.rows("select acquire_workflow_lock('l', 'me', 300)")
    database.db.call("set lock_timeout = '2s'")
    assert maintenance(database).delete_expired_locks() == 0
    holder.commit()
    assert database.value("select has_workflow_lock('l')") is True
