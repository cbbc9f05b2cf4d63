"""create_import: an import waits for its file, and a key names one import."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from flamebot.domain.errors import IdempotencyKeyReused
from flamebot.ports.admin_store import Caller
from flamebot.ports.import_store import NewImport
from tests.support.builders import a_definition
from tests.support.databases import TestDatabase, start
from tests.support.imports import admin, announce, begun, log, outlive, row_of, store
from tests.support.stores import ALICE


def a_request(**fields: object) -> NewImport:
    """Return a request with a key."""
    values: dict[str, object] = {
        "import_id": str(uuid4()),
        "file_name": "a.csv",
        "format": "csv",
        "size": 1000,
        "definition_id": None,
        "spread": timedelta(0),
        "key": "k",
        "upload_for": timedelta(hours=1),
        **fields,
    }
    return NewImport(**values)  # type: ignore[arg-type]


def test_a_created_import_waits_for_its_file(database: TestDatabase) -> None:
    """No byte is read yet; the audit log holds the caller and the reason."""
    import_id = announce(database)
    row = row_of(database, import_id)
    assert (
        row["status"],
        row["bytes_read"],
        row["rows_read"],
        row["started_at"],
        row["principal"],
    ) == ("waiting", 0, 0, None, "alice")
    assert [(entry["actor"], entry["action"], entry["subject"]) for entry in log(database)] == [
        ("alice", "create_import", f"import/{import_id}")
    ]


def test_the_same_key_is_the_same_import(database: TestDatabase) -> None:
    """A repeated request returns the import and extends the time for its upload."""
    first, new = admin(database).create_import(a_request(), ALICE)
    assert new
    outlive(database, 600)
    late = row_of(database, first)["upload_until"]
    assert admin(database).create_import(a_request(), ALICE) == (first, False)
    assert row_of(database, first)["upload_until"] > late
    assert len(log(database)) == 1


def test_the_same_id_creates_no_second_import(database: TestDatabase) -> None:
    """The database client repeats the call when its connection was lost."""
    request = a_request(key=None)
    assert [admin(database).create_import(request, ALICE)[0] for _ in range(2)] == [
        request.import_id
    ] * 2
    assert len(log(database)) == 1


@pytest.mark.parametrize(
    "change",
    [{"size": 1001}, {"spread": timedelta(hours=1)}, {"format": "jsonl"}, {"file_name": "b.csv"}],
    ids=str,
)
def test_another_request_under_the_key_is_refused(
    database: TestDatabase, change: dict[str, object]
) -> None:
    """A key belongs to one request."""
    admin(database).create_import(a_request(), ALICE)
    with pytest.raises(IdempotencyKeyReused):
        admin(database).create_import(a_request(**change), ALICE)


def test_a_new_version_of_the_definition_is_the_same_request(database: TestDatabase) -> None:
    """The request names a type; its version was pinned by the first call."""
    older, newer = (a_definition(database.main, "flow", version=version) for version in (1, 2))
    assert older != newer
    first, _ = admin(database).create_import(a_request(definition_id=older), ALICE)
    assert admin(database).create_import(a_request(definition_id=newer), ALICE) == (first, False)
    assert row_of(database, first)["workflow_id"] == older
    with pytest.raises(IdempotencyKeyReused):
        admin(database).create_import(a_request(), ALICE)


def test_a_key_belongs_to_its_caller(database: TestDatabase) -> None:
    """The same key of another caller is another key."""
    first, _ = admin(database).create_import(a_request(), ALICE)
    second, new = admin(database).create_import(a_request(), Caller(actor="bob"))
    assert new
    assert first != second


def test_a_key_is_free_again_after_a_failure_and_after_a_day(database: TestDatabase) -> None:
    """A failed import can be repeated at once; a completed one is returned for a day."""
    first, _ = admin(database).create_import(a_request(), ALICE)
    admin(database).cancel_import(first, ALICE)
    second, new = admin(database).create_import(a_request(), ALICE)
    assert new
    store(database, begun(database, second), to=1000, last=True)
    assert admin(database).create_import(a_request(), ALICE) == (second, False)
    outlive(database, 25 * 3600)
    assert admin(database).create_import(a_request(), ALICE)[1]


def test_two_requests_at_once_create_one_import(database: TestDatabase) -> None:
    """The second waits for the first and returns its import."""
    first, second = database.session(), database.session()
    call = (
        "select create_import(gen_random_uuid(), 'a', 'csv', 10, null, 0, 'k',"
        " interval '1 hour', 'alice', null) as answer"
    )
    first.begin()
    one = first.value(call)
    waiting = start(lambda: second.value(call))
    database.until_blocked(second)
    first.commit()
    assert waiting.result() == {"id": one["id"], "created": False}
