"""find_stalled_imports: whatever got lost, somebody looks again."""

from __future__ import annotations

from tests.support.databases import TestDatabase
from tests.support.imports import admin, announce, begun, import_maintenance, outlive, store, worker
from tests.support.stores import ALICE


def found(database: TestDatabase) -> set[tuple[str, bool]]:
    """What maintenance would hint at."""
    return set(import_maintenance(database).find_stalled_imports())


def test_a_waiting_one_whose_event_may_be_lost(database: TestDatabase) -> None:
    """After five minutes, and not before."""
    import_id = announce(database)
    assert found(database) == set()
    outlive(database, 301)
    assert found(database) == {(import_id, False)}


def test_one_whose_worker_died(database: TestDatabase) -> None:
    """As soon as its lease is over; it stands still when nothing was stored for a quarter of an hour."""
    turn = begun(database)
    assert found(database) == set()
    outlive(database, 100)
    assert found(database) == {(turn.import_id, False)}
    outlive(database, 900)
    assert found(database) == {(turn.import_id, True)}


def test_one_that_is_over_until_its_file_is_gone_for_good(database: TestDatabase) -> None:
    """A file that could not be deleted, or came late, holds credentials."""
    turn = begun(database)
    store(database, turn, to=1000, last=True)
    outlive(database, 301)
    assert found(database) == {(turn.import_id, False)}
    outlive(database, 3600)
    worker(database).miss_import_file(turn.import_id)
    assert found(database) == set()


def test_a_hundred_at_most(database: TestDatabase) -> None:
    """The longest untouched first."""
    ids = [announce(database) for _ in range(101)]
    admin(database).cancel_import(ids[0], ALICE)
    outlive(database)
    assert len(found(database)) == 100
