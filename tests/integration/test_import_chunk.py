"""import_chunk: rows, starts and the checkpoint move together, once (I9)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from flamebot.domain.errors import ValidationIssue
from flamebot.ports.admin_store import StartRow
from flamebot.ports.import_store import ImportLease, RejectedRow
from tests.support.builders import NOON, a_definition, a_next, a_start, after
from tests.support.databases import Row, TestDatabase
from tests.support.imports import (
    a_chunk,
    a_row,
    announce,
    begun,
    log,
    outlive,
    row_of,
    store,
    worker,
)
from tests.support.stores import ALICE, control


def account(database: TestDatabase, account_id: str = "a") -> Row:
    """Return the row of an account."""
    return database.one("select * from accounts where flamebot_id = %s", (account_id,))


def a_reject(row: int) -> RejectedRow:
    """Return a row that failed validation."""
    return RejectedRow(
        row=row,
        account_id=None,
        code="invalid",
        issues=(ValidationIssue("/modelId", "Must be a string."),),
    )


def rejects(database: TestDatabase) -> list[tuple[int, str | None, str]]:
    """Return the stored rejected rows."""
    return [
        (row["row_number"], row["flamebot_id"], row["code"])
        for row in database.rows("select * from import_rejects order by row_number")
    ]


def with_workflow(database: TestDatabase) -> tuple[ImportLease, int]:
    """Return the lease of an import that starts workflows, and the definition's id."""
    workflow = a_definition(database.main)
    return begun(database, definition_id=workflow), workflow


def start_row(workflow: int, account_id: str, at: datetime = NOON) -> StartRow:
    """Return a start whose first task is due at that time."""
    return a_start(account_id, workflow, a_next(at=at))


def test_rows_and_checkpoint_move_together(database: TestDatabase) -> None:
    """Every byte of a value is stored, the counts add up, and staging is empty."""
    lease = begun(database)
    odd = 'tab\there, "quotes", back\\slash, new\nline, \\N, \x7f ü'
    stored = store(
        database,
        lease,
        a_row("a", model_id=odd, config={odd: odd}),
        a_row("b", row=3, ciphertext=None, config=None),
        to=400,
    )
    assert (stored.applied, stored.status, stored.created, stored.updated, stored.rejected) == (
        True,
        "running",
        2,
        0,
        0,
    )
    row = account(database)
    assert (row["model_id"], row["config"], bytes(row["credentials_ciphertext"])) == (
        odd,
        {odd: odd},
        b"\x00sealed\\",
    )
    assert (account(database, "b")["config"], account(database, "b")["credentials_ciphertext"]) == (
        {},
        None,
    )
    imported = row_of(database, lease.import_id)
    assert (
        imported["bytes_read"],
        imported["last_line"],
        imported["rows_read"],
        imported["created"],
    ) == (400, 3, 2, 2)
    assert database.value("select count(*) from import_staging") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"model_id": "m2"},
        {"channel_id": "c2"},
        {"config": {"a": 2}},
        {"config": {}},
        {"ciphertext": b"other"},
        {},
    ],
    ids=str,
)
def test_an_account_changes_as_in_an_import_by_request(
    database: TestDatabase, change: dict[str, Any]
) -> None:
    """Fields that are left out stay, and the version grows exactly when something changed."""
    for account_id, by_file in (("a", True), ("b", False)):
        first = a_row(account_id)
        second = a_row(
            account_id,
            version=100_009,
            **{"model_id": None, "channel_id": None, "config": None, "ciphertext": None, **change},
        )
        for row in (first, second):
            if by_file:
                store(database, begun(database), row)
            else:
                control(database).import_accounts([row.account], [], None, ALICE)
    shown = ("model_id", "channel_id", "config", "credentials_version", "ciphertext_version")
    assert [account(database, "a")[name] for name in shown] == [
        account(database, "b")[name] for name in shown
    ]
    assert bytes(account(database, "a")["credentials_ciphertext"]) == bytes(
        account(database, "b")["credentials_ciphertext"]
    )
    by_account = [
        [
            (e["action"], e["after"]["status"])
            for e in log(database)
            if e["subject"] == f"account/{name}"
        ]
        for name in "ab"
    ]
    assert by_account[0] == by_account[1]


def test_a_chunk_is_stored_once(database: TestDatabase) -> None:
    """The same chunk in another batch, sent after a lost response, changes nothing."""
    lease = begun(database)
    chunk = a_chunk(lease, a_row("a"), rejects=[a_reject(3)])
    assert worker(database).import_chunk(lease, chunk).applied
    again = worker(database).import_chunk(lease, chunk)
    assert (again.applied, again.status) == (False, "running")
    assert row_of(database, lease.import_id)["rows_read"] == 2
    assert len(rejects(database)) == 1


def test_a_repeated_call_returns_applied(database: TestDatabase) -> None:
    """The same batch is applied already and returns nothing to send, also for the last chunk."""
    lease = begun(database)
    call = (
        "select import_chunk(%s, %s, '018f3a5e-0000-4000-8000-000000000001',"
        """ '{"from_byte": 0, "to_byte": 1000, "line": 1, "rows": 0, "staged": 0,"""
        """ "rejects": [], "done": true}',"""
        " null, '2 min', '90 s', 1, 10, '90 s') as answer"
    )
    first, second = (database.value(call, (lease.import_id, lease.fence)) for _ in range(2))
    assert (first["applied"], second["applied"], second["status"]) == (True, True, "completed")


def test_a_worker_that_lost_its_lease_stores_nothing(database: TestDatabase) -> None:
    """I9: a stale fence cannot store a chunk, however late it comes."""
    old = begun(database)
    outlive(database)
    new = begun(database, old.import_id)
    assert store(database, old, a_row("a")).applied is False
    assert store(database, new, a_row("b")).applied is True
    assert database.value("select array_agg(flamebot_id) from accounts") == ["b"]


def test_a_chunk_with_lost_staged_rows_stores_nothing(database: TestDatabase) -> None:
    """Staging is unlogged: a crash of the server empties it, and the chunk is read again."""
    lease = begun(database)
    database.rows(
        "create function lose() returns trigger language plpgsql as 'begin return null; end'"
    )
    database.rows(
        "create trigger lose before insert on import_staging for each row execute function lose()"
    )
    assert store(database, lease, a_row("a")).applied is False
    assert row_of(database, lease.import_id)["bytes_read"] == 0


def test_a_duplicate_in_a_later_chunk_is_rejected(database: TestDatabase) -> None:
    """The first row is stored, also when a crash came in between; the later one is rejected."""
    lease = begun(database)
    store(database, lease, a_row("a", row=2), a_row("b", row=3), to=100)
    outlive(database)
    second = begun(database, lease.import_id)
    stored = store(
        database, second, a_row("a", row=900, model_id="other"), a_row("c", row=901), to=200
    )
    assert (stored.created, stored.rejected) == (1, 1)
    assert account(database)["model_id"] == "m"
    assert rejects(database) == [(900, "a", "duplicate")]
    third = begun(database)
    assert store(database, third, a_row("a", model_id="other")).updated == 1, (
        "another file may change it"
    )


def test_workflows_start_with_their_rows(database: TestDatabase) -> None:
    """Tasks due soon are queued; a live workflow is left alone; without a model none starts."""
    lease, workflow = with_workflow(database)
    rows = [
        a_row("a", 2, start_row(workflow, "a", at=NOON)),
        a_row("b", 3, start_row(workflow, "b", at=after(hours=3))),
        a_row("c", 4, start_row(workflow, "c"), model_id=None),
    ]
    stored = store(database, lease, *rows, to=100)
    assert (stored.started, stored.created, stored.rejected) == (2, 3, 0)
    assert [pointer.account_id for pointer in stored.send] == ["a"]
    assert rejects(database) == [(4, "c", "account_incomplete")]
    assert database.value("select errors from import_rejects") == [
        {
            "pointer": "/modelId",
            "detail": "Missing. The account is stored; a workflow needs this field.",
        }
    ]
    imported = row_of(database, lease.import_id)
    assert (imported["started"], imported["not_started"], imported["already_active"]) == (2, 1, 0)
    again = begun(database, definition_id=workflow)
    assert store(database, again, a_row("a", 2, start_row(workflow, "a"))).started == 0
    assert row_of(database, again.import_id)["already_active"] == 1


def test_no_more_is_queued_than_the_queue_capacity_allows(database: TestDatabase) -> None:
    """The tick claims the other tasks as capacity becomes free."""
    lease, workflow = with_workflow(database)
    rows = [
        a_row(name, number, start_row(workflow, name, at=NOON))
        for number, name in enumerate("abc", 2)
    ]
    crowded = worker(database, queue_capacity=2).import_chunk(lease, a_chunk(lease, *rows, to=100))
    assert (crowded.started, crowded.send) == (3, ())
    assert database.value("select count(*) from scheduled_tasks where status = 'pending'") == 3


def test_the_first_ten_thousand_rejects_are_kept(database: TestDatabase) -> None:
    """Further rejects are counted only."""
    lease = begun(database)
    store(database, lease, rejects=[a_reject(n) for n in range(9_999)], to=100)
    store(
        database, lease, from_byte=100, to=200, rejects=[a_reject(n) for n in range(10_000, 10_003)]
    )
    assert row_of(database, lease.import_id)["rejected"] == 10_002
    assert [row[0] for row in rejects(database)[-2:]] == [9_998, 10_000]


def test_the_last_chunk_completes_the_import(database: TestDatabase) -> None:
    """The import has ended, and the audit log holds its counts."""
    lease = begun(database, announce(database))
    assert store(database, lease, a_row("a"), to=1000, last=True).status == "completed"
    row = row_of(database, lease.import_id)
    assert (row["status"], row["bytes_read"], row["lease_expires_at"]) == ("completed", 1000, None)
    assert log(database)[-1]["after"] == {
        "status": "completed",
        "created": 1,
        "updated": 0,
        "rejected": 0,
    }
