"""upsert_accounts stores accounts for both ways of importing."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from tests.support.databases import TestDatabase

STAGE = """
insert into import_staging (batch, import_id, row_number, flamebot_id, model_id, channel_id, config,
                            version)
select %(batch)s::uuid, %(import)s::uuid, row_number() over (), x.flamebot_id, x.model_id,
       x.channel_id, x.config, x.version
  from jsonb_to_recordset(%(rows)s::jsonb) x (
       flamebot_id text, model_id text, channel_id text, config jsonb, version int)
"""
UPSERT = """
select upsert_accounts(%(rows)s::jsonb, %(import)s::uuid, %(batch)s::uuid, %(repeated)s::text[],
                       'alice', 'because')
"""


def row(account_id: str, version: int, **fields: object) -> dict[str, object]:
    """Return a row with a reserved version."""
    return {"flamebot_id": account_id, "version": version, **fields}


def upsert(
    database: TestDatabase,
    *rows: dict[str, object],
    import_id: str | None = None,
    repeated: tuple[str, ...] = (),
) -> list[str]:
    """Store rows, from staging if they belong to an import; return the ids of the new accounts."""
    params = {
        "rows": json.dumps(rows),
        "import": import_id,
        "batch": str(uuid4()),
        "repeated": list(repeated),
    }
    if import_id is not None:
        database.rows(STAGE, params)
        params["rows"] = None
    created: list[str] = database.value(UPSERT, params)
    return sorted(created)


def account(database: TestDatabase, account_id: str) -> dict[str, Any]:
    """Return the row of an account."""
    return database.one("select * from accounts where flamebot_id = %s", (account_id,))


def test_new_accounts_are_returned(database: TestDatabase) -> None:
    """New and known accounts are stored together; only the new ones are returned."""
    assert upsert(database, row("a", 1)) == ["a"]
    created = upsert(database, row("b", 2), row("a", 3, model_id="m"), row("c", 4, config={"x": 1}))
    assert created == ["b", "c"]
    assert account(database, "a")["credentials_version"] == 3
    assert (account(database, "b")["config"], account(database, "c")["config"]) == ({}, {"x": 1})


def test_an_unchanged_account_remembers_the_import(database: TestDatabase) -> None:
    """An unchanged account gets the import's id only, and keeps its version and its times."""
    upsert(database, row("a", 1, model_id="m"), row("b", 2))
    before = account(database, "a")
    first, second = str(uuid4()), str(uuid4())
    assert upsert(database, row("a", 7, model_id="m"), row("b", 8), import_id=first) == []
    assert account(database, "a") == {**before, "last_import_id": first, "last_import_row": 1}
    upsert(database, row("a", 8, channel_id="c"), import_id=second)
    assert account(database, "a")["last_import_id"] == second
    upsert(database, row("a", 9, channel_id="d"))
    assert account(database, "a")["last_import_id"] == second


def test_repeated_rows_are_left_out(database: TestDatabase) -> None:
    """A row of an account that the same file has written before changes nothing."""
    import_id = str(uuid4())
    upsert(database, row("a", 1), import_id=import_id)
    before = account(database, "a")
    rows = (row("a", 2, model_id="m"), row("b", 3))
    assert upsert(database, *rows, import_id=import_id, repeated=("a",)) == ["b"]
    assert account(database, "a") == before


def test_each_change_is_audited(database: TestDatabase) -> None:
    """Each created or updated account has an audit row, with the import if there is one."""
    import_id = str(uuid4())
    upsert(database, row("a", 1))
    upsert(database, row("a", 2), row("b", 3), import_id=import_id)
    upsert(database, row("b", 4, model_id="m"))
    rows = database.rows("select actor, subject, reason, after from audit_log order by id")
    assert [(row["subject"], row["after"]) for row in rows] == [
        ("account/a", {"status": "created"}),
        ("account/b", {"status": "created", "import": import_id}),
        ("account/b", {"status": "updated"}),
    ]
    assert {(row["actor"], row["reason"]) for row in rows} == {("alice", "because")}
