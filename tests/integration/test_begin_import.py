"""begin_import: one worker at a time, from the checkpoint on."""

from __future__ import annotations

from uuid import uuid4

from flamebot.ports.import_store import ImportLease
from tests.support.builders import NOON, after
from tests.support.databases import TestDatabase, start
from tests.support.imports import a_row, admin, announce, begun, outlive, row_of, store, worker
from tests.support.stores import ALICE


def test_the_first_turn_starts_at_the_beginning(database: TestDatabase) -> None:
    """The import is at work from now on, and its spread counts from here."""
    import_id = announce(database)
    turn = begun(database, import_id)
    assert (turn.bytes_read, turn.last_line, turn.tries, turn.starts_at) == (0, 0, 1, NOON)
    row = row_of(database, import_id)
    assert (row["status"], row["fence"]) == ("running", turn.fence)
    assert row["started_at"] is not None


def test_while_one_has_the_turn_nobody_else_gets_it(database: TestDatabase) -> None:
    """A message that came twice finds the import at work; the same delivery asking again gets the same turn."""
    import_id, delivery_id = announce(database), str(uuid4())
    turn = worker(database).begin_import(import_id, delivery_id)
    assert worker(database).begin_import(import_id, str(uuid4())) == "running"
    assert worker(database).begin_import(import_id, delivery_id) == turn


def test_two_at_once_do_not_share_a_turn(database: TestDatabase) -> None:
    """The second waits for the first one's commit, and then finds the import at work."""
    import_id = announce(database)
    one, other = database.session(), database.session()
    call = "select begin_import(%s, gen_random_uuid(), null, interval '90 seconds') -> 'begun' as answer"
    one.begin()
    assert one.value(call, (import_id,)) is True
    waiting = start(lambda: other.value(call, (import_id,)))
    database.until_blocked(other)
    one.commit()
    assert waiting.result() is False


def test_after_a_crash_the_next_one_goes_on_at_the_checkpoint(database: TestDatabase) -> None:
    """A new fence, and what the dead one had staged is gone; the time of the first begin stays."""
    first = begun(database)
    assert store(database, first, a_row("a"), to=400).applied
    database.rows(
        "insert into import_staging (batch, import_id, row_number, flamebot_id, version) values (gen_random_uuid(), %s, 1, 'x', 1)",
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


def test_what_is_over_is_not_begun(database: TestDatabase) -> None:
    """Late messages find it over; an import that never was is none."""
    import_id = announce(database)
    admin(database).cancel_import(import_id, ALICE)
    assert worker(database).begin_import(import_id, str(uuid4())) == "cancelled"
    assert worker(database).begin_import(str(uuid4()), str(uuid4())) is None


def test_a_file_that_kills_every_reader_is_given_up(database: TestDatabase) -> None:
    """After 50 turns in which nothing was stored; one chunk in between, and the count begins anew."""
    import_id = announce(database)
    for _ in range(49):
        begun(database, import_id)
        outlive(database)
    turn = begun(database, import_id)
    assert turn.tries == 50
    assert store(database, turn, a_row("a"), to=10).applied
    outlive(database)
    assert begun(database, import_id).tries == 1
    database.rows("update imports set tries = 50")
    outlive(database)
    assert worker(database).begin_import(import_id, str(uuid4())) == "failed"
    assert row_of(database, import_id)["error"].startswith("stuck: ")
