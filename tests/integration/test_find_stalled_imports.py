"""find_stalled_imports: every import that needs a worker is found."""

from __future__ import annotations

from tests.support.databases import TestDatabase
from tests.support.imports import admin, announce, begun, import_maintenance, outlive, store, worker
from tests.support.stores import ALICE


def found(database: TestDatabase) -> set[tuple[str, bool]]:
    """Return the imports that maintenance would wake a worker for."""
    return set(import_maintenance(database).find_stalled_imports())


def test_a_waiting_import_is_found_after_five_minutes(database: TestDatabase) -> None:
    """An import that has waited for five minutes is found: its upload event may be lost."""
    import_id = announce(database)
    assert found(database) == set()
    outlive(database, 301)
    assert found(database) == {(import_id, False)}


def test_an_import_whose_lease_expired_is_found(database: TestDatabase) -> None:
    """An import is stalled if no row was stored for a quarter of an hour."""
    lease = begun(database)
    assert found(database) == set()
    outlive(database, 100)
    assert found(database) == {(lease.import_id, False)}
    outlive(database, 900)
    assert found(database) == {(lease.import_id, True)}


def test_an_ended_import_is_found_until_its_file_is_gone(database: TestDatabase) -> None:
    """An ended import is found while its file, which holds credentials, may exist."""
    lease = begun(database)
    store(database, lease, to=1000, last=True)
    outlive(database, 301)
    assert found(database) == {(lease.import_id, False)}
    outlive(database, 3600)
    worker(database).miss_import_file(lease.import_id)
    assert found(database) == set()


def test_it_finds_a_hundred_at_most(database: TestDatabase) -> None:
    """At most a hundred imports are found, the longest untouched first."""
    ids = [announce(database) for _ in range(101)]
    admin(database).cancel_import(ids[0], ALICE)
    outlive(database)
    assert len(found(database)) == 100
