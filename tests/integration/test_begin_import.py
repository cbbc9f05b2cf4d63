"""begin_import: one worker at a time, from the checkpoint on."""

from __future__ import annotations

from uuid import uuid4

from flamebot.ports.import_store import ImportLease
from tests.support.builders import NOON, after
from tests.support.databases import TestDatabase, start
from tests.support.imports import a_row, admin, announce, begun, outlive, row_of, store, worker
from tests.support.stores import ALICE


def test_the_first_lease_starts_at_the_beginning(database: TestDatabase) -> None:
    """From its first lease on an import is running, and its spread counts from then."""
    import_id = announce(database)
    lease = begun(database, import_id)
    assert (lease.bytes_read, lease.last_line, lease.tries, lease.starts_at) == (0, 0, 1, NOON)
    row = row_of(database, import_id)
    assert (row["status"], row["fence"]) == ("running", lease.fence)
    assert row["started_at"] is not None


def test_a_held_lease_is_granted_to_no_other_worker(database: TestDatabase) -> None:
    """A duplicate message finds the import running; the same delivery gets the same lease."""
    import_id, delivery_id = announce(database), str(uuid4())
    lease = worker(database).begin_import(import_id, delivery_id)
    assert worker(database).begin_import(import_id, str(uuid4())) == "running"
    assert worker(database).begin_import(import_id, delivery_id) == lease


def test_two_workers_at_once_do_not_share_a_lease(database: TestDatabase) -> None:
    """The second waits for the first one's commit and then finds the import running."""
    import_id = announce(database)
    one, other = database.session(), database.session()
    call = (
        "select begin_import(%s, gen_random_uuid(), null, interval '90 seconds') -> 'begun'"
        " as answer"
    )
    one.begin()
    assert one.value(call, (import_id,)) is True
    waiting = start(lambda: other.value(call, (import_id,)))
    database.until_blocked(other)
    one.commit()
    assert waiting.result() is False


def test_after_a_crash_the_next_worker_continues_at_the_checkpoint(database: TestDatabase) -> None:
    """The next worker gets a new fence, and staged rows are deleted.

    The time of the first begin stays.
    """
    first = begun(database)
    assert store(database, first, a_row("a"), to=400).applied
    database.rows(
        "insert into import_staging (batch, import_id, row_number, flamebot_id, version)"
        " values (gen_random_uuid(), %s, 1, 'x', 1)",
        (first.import_id,),
    )
    outlive(database)
    second = worker(database, after(hours=1)).begin_import(first.import_id, str(uuid4()))
    assert isinstance(second, ImportLease)
    assert second.fence > first.fence
    assert (second.bytes_read, second.last_line, second.starts_at, second.tries) == (
        400,
        2,
        NOON,
        1,
    )
    assert database.value("select count(*) from import_staging") == 0


def test_an_ended_import_is_not_begun(database: TestDatabase) -> None:
    """A late message gets the status of the ended import; an unknown import has none."""
    import_id = announce(database)
    admin(database).cancel_import(import_id, ALICE)
    assert worker(database).begin_import(import_id, str(uuid4())) == "cancelled"
    assert worker(database).begin_import(str(uuid4()), str(uuid4())) is None


def test_fifty_leases_without_a_chunk_fail_the_import(database: TestDatabase) -> None:
    """Fifty leases without a stored chunk fail the import; a stored chunk resets the count."""
    import_id = announce(database)
    for _ in range(49):
        begun(database, import_id)
        outlive(database)
    lease = begun(database, import_id)
    assert lease.tries == 50
    assert store(database, lease, a_row("a"), to=10).applied
    outlive(database)
    assert begun(database, import_id).tries == 1
    database.rows("update imports set tries = 50")
    outlive(database)
    assert worker(database).begin_import(import_id, str(uuid4())) == "failed"
    assert row_of(database, import_id)["error"].startswith("stuck: ")
