"""upsert_accounts: one way to store accounts for both ways of importing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.support.databases import TestDatabase

UPSERT = """
select upsert_accounts(array(
           select row(null, null, null, x.id, x.model, x.channel, x.config, x.version, x.ciphertext,
                      null)::import_staging
             from jsonb_to_recordset(%(rows)s::jsonb) x (
                  id text, model text, channel text, config jsonb, version int, ciphertext bytea)),
       %(import)s::uuid, 'alice', 'because') as created
"""


def upsert(database: TestDatabase, rows: str, import_id: str | None = None) -> list[str]:
    """Store rows and return the ids of the new accounts."""
    created: list[str] = database.value(UPSERT, {"rows": rows, "import": import_id})
    return sorted(created)


def account(database: TestDatabase, account_id: str) -> dict[str, Any]:
    """Return an account."""
    return database.one("select * from accounts where flamebot_id = %s", (account_id,))


def test_new_accounts_are_returned(database: TestDatabase) -> None:
    """New and known accounts go in together; only the new ones are returned."""
    assert upsert(database, '[{"id": "a", "version": 1}]') == ["a"]
    assert upsert(
        database,
        '[{"id": "b", "version": 2}, {"id": "a", "model": "m", "version": 3},'
        ' {"id": "c", "config": {"x": 1}, "version": 4}]',
    ) == ["b", "c"]
    assert account(database, "a")["credentials_version"] == 3
    assert (account(database, "b")["config"], account(database, "c")["config"]) == ({}, {"x": 1})


def test_an_unchanged_account_remembers_the_import(database: TestDatabase) -> None:
    """Nothing else of it changes: neither its version nor the time of its last change."""
    rows = '[{"id": "a", "model": "m", "version": 1}, {"id": "b", "version": 2}]'
    upsert(database, rows)
    before = account(database, "a")
    first, second = str(uuid4()), str(uuid4())
    assert upsert(database, rows.replace('"version": 1', '"version": 7'), first) == []
    assert account(database, "a") == {**before, "last_import_id": first}
    upsert(database, '[{"id": "a", "channel": "c", "version": 8}]', second)
    assert account(database, "a")["last_import_id"] == second
    upsert(database, '[{"id": "a", "channel": "d", "version": 9}]')
    assert account(database, "a")["last_import_id"] == second


def test_each_change_is_audited(database: TestDatabase) -> None:
    """One row per account that was created or updated, with the import if there is one."""
    import_id = str(uuid4())
    upsert(database, '[{"id": "a", "version": 1}]')
    upsert(
        database,
        '[{"id": "a", "version": 2}, {"id": "b", "version": 3}]',
        import_id,
    )
    upsert(database, '[{"id": "b", "model": "m", "version": 4}]')
    rows = database.rows("select actor, subject, reason, after from audit_log order by id")
    assert [(row["subject"], row["after"]) for row in rows] == [
        ("account/a", {"status": "created"}),
        ("account/b", {"status": "created", "import": import_id}),
        ("account/b", {"status": "updated"}),
    ]
    assert {(row["actor"], row["reason"]) for row in rows} == {("alice", "because")}
