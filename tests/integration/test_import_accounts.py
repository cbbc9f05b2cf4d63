"""import_accounts: accounts, starts and the remembered request are stored together (I9)."""

from __future__ import annotations

import random
from typing import Any

import pytest

from flamebot.adapters.postgres.rows import to_json
from flamebot.domain.errors import IdempotencyInFlight
from flamebot.ports.admin_store import AccountRow, IdempotencyRecord, Imported, StartRow
from tests.support.builders import (
    a_definition,
    a_next,
    a_start,
    after,
    an_account,
    an_instance,
    begin,
    live_tasks,
)
from tests.support.databases import Row, Session, TestDatabase, start
from tests.support.stores import ALICE, audit, control

RECORD = IdempotencyRecord(
    principal="alice", key="k1", salt=b"s" * 16, digest=b"d" * 32, answer={"rows": 1}
)


def an_input(account_id: str = "acct-1", **fields: Any) -> AccountRow:
    """Return a row as the import service passes it."""
    return AccountRow(
        **{
            "account_id": account_id,
            "model_id": "m",
            "channel_id": "c",
            "config": {"a": 1},
            "version": 100_001,
            "ciphertext": b"secret",
            **fields,
        }
    )


def import_(
    database: TestDatabase,
    *rows: AccountRow,
    starts: tuple[StartRow, ...] = (),
    record: IdempotencyRecord | None = None,
) -> Imported:
    """Call the function through the store."""
    return control(database).import_accounts(rows, starts, record, ALICE)


def stored(database: TestDatabase, account_id: str = "acct-1") -> Row:
    """Return the row of an account."""
    return database.one("select * from accounts where flamebot_id = %s", (account_id,))


def test_a_new_account_is_stored_whole(database: TestDatabase) -> None:
    """Its credentials version is the reserved one, and so is that of its ciphertext."""
    assert import_(database, an_input()).accounts == {"acct-1": "created"}
    row = stored(database)
    assert (
        row["model_id"],
        row["channel_id"],
        row["config"],
        bytes(row["credentials_ciphertext"]),
    ) == ("m", "c", {"a": 1}, b"secret")
    assert (
        row["credentials_version"],
        row["ciphertext_version"],
        row["registered_version"],
        row["status"],
    ) == (
        100_001,
        100_001,
        None,
        "active",
    )


def test_an_account_with_an_id_alone_is_stored(database: TestDatabase) -> None:
    """Only the accountId is required."""
    import_(database, an_input(model_id=None, channel_id=None, config=None, ciphertext=None))
    row = stored(database)
    assert (
        row["model_id"],
        row["config"],
        row["credentials_ciphertext"],
        row["ciphertext_version"],
    ) == (None, {}, None, None)


def test_fields_that_are_left_out_are_kept(database: TestDatabase) -> None:
    """Each field is kept by itself; the ciphertext stays bound to its own version."""
    import_(database, an_input())
    answer = import_(
        database,
        an_input(model_id="m2", channel_id=None, config=None, ciphertext=None, version=100_002),
    )
    row = stored(database)
    assert answer.accounts == {"acct-1": "updated"}
    assert (
        row["model_id"],
        row["channel_id"],
        row["config"],
        bytes(row["credentials_ciphertext"]),
    ) == ("m2", "c", {"a": 1}, b"secret")
    assert (row["credentials_version"], row["ciphertext_version"]) == (100_002, 100_001)
    import_(
        database,
        an_input(model_id=None, channel_id="c2", config=None, ciphertext=None, version=100_003),
    )
    assert (stored(database)["model_id"], stored(database)["channel_id"]) == ("m2", "c2")


@pytest.mark.parametrize(
    "change",
    [
        {"model_id": "m2"},
        {"channel_id": "c2"},
        {"config": {"a": 2}},
        {"config": {}},
        {"ciphertext": b"other"},
    ],
    ids=str,
)
def test_any_change_makes_a_new_version(database: TestDatabase, change: dict[str, Any]) -> None:
    """The account is registered again before its next effect."""
    import_(database, an_input())
    database.rows("update accounts set registered_version = credentials_version")
    import_(database, an_input(**{"ciphertext": None, "version": 100_007, **change}))
    row = stored(database)
    assert (row["credentials_version"], row["registered_version"]) == (100_007, 100_001)


def test_the_same_again_changes_nothing(database: TestDatabase) -> None:
    """The version stays and nothing is audited; the row counts as updated."""
    import_(database, an_input())
    before = stored(database)
    assert import_(database, an_input(ciphertext=None, version=100_009)).accounts == {
        "acct-1": "updated"
    }
    assert stored(database) == before
    assert len(audit(database, "import_accounts")) == 1


def test_the_version_grows_even_if_the_older_reservation_comes_last(database: TestDatabase) -> None:
    """A version is used once and never decreases."""
    earlier, later = control(database).reserve_credentials_versions(2)
    import_(database, an_input(version=later))
    import_(database, an_input(version=earlier, model_id="m2", ciphertext=b"newer"))
    row = stored(database)
    assert row["credentials_version"] > later
    assert (row["ciphertext_version"], row["model_id"]) == (earlier, "m2")


def test_starts_are_made_in_the_same_transaction(database: TestDatabase) -> None:
    """Tasks due soon are returned for sending; the snapshot holds the imported account."""
    definition_id = a_definition(database)
    soon, later = (
        a_start("acct-1", definition_id),
        a_start("acct-2", definition_id, a_next(at=after(hours=2))),
    )
    answer = import_(database, an_input("acct-2"), an_input("acct-1"), starts=(soon, later))
    assert {row.account_id: row.status for row in answer.started} == {
        "acct-1": "started",
        "acct-2": "started",
    }
    pointers = [row.send for row in answer.started if row.send]
    assert [pointer.account_id for pointer in pointers] == ["acct-1"]
    assert len(begin(database, pointers[0].task_id, fences=[pointers[0].fence])) == 1
    snapshot = database.value(
        "select account_data from workflow_instances where account_id = 'acct-1'"
    )
    assert snapshot == {
        "account_id": "acct-1",
        "model_id": "m",
        "channel_id": "c",
        "config": {"a": 1},
    }


def test_a_live_instance_is_left_alone(database: TestDatabase) -> None:
    """Importing again updates the account and starts no second instance."""
    running = an_instance(
        database, a_next(at=after(hours=2)), account_id=an_account(database, "acct-1")
    )
    answer = import_(database, an_input(), starts=(a_start("acct-1", a_definition(database)),))
    assert [(row.status, row.instance_id) for row in answer.started] == [
        ("already_active", running.instance_id)
    ]
    assert live_tasks(database, running.instance_id) == ["pending"]


def test_an_incomplete_account_is_stored_and_not_started(database: TestDatabase) -> None:
    """The other accounts of the request are started."""
    definition_id = a_definition(database)
    starts = (a_start("acct-1", definition_id), a_start("acct-2", definition_id))
    answer = import_(database, an_input(model_id=None), an_input("acct-2"), starts=starts)
    assert {row.account_id: row.status for row in answer.started} == {
        "acct-1": "incomplete",
        "acct-2": "started",
    }
    assert set(answer.accounts) == {"acct-1", "acct-2"}


def test_a_failure_stores_nothing(database: TestDatabase) -> None:
    """A start of an unknown definition rolls the accounts back."""
    with pytest.raises(Exception, match="23503"):
        import_(database, an_input(), starts=(a_start("acct-1", 4711),), record=RECORD)
    assert database.value("select count(*) from accounts") == 0
    assert database.value("select count(*) from import_requests") == 0


def test_a_thousand_accounts_are_one_call(database: TestDatabase) -> None:
    """A thousand accounts are stored and started by one call."""
    definition_id = a_definition(database)
    rows = [an_input(f"acct-{n:04}", version=100_001 + n) for n in range(1000)]
    answer = import_(
        database, *rows, starts=tuple(a_start(row.account_id, definition_id) for row in rows)
    )
    assert sum(row.status == "started" for row in answer.started) == 1000
    assert set(import_(database, *rows).accounts.values()) == {"updated"}


def test_the_audit_log_names_each_account(database: TestDatabase) -> None:
    """It holds the caller and whether the account was new, and none of its content."""
    import_(database, an_input())
    import_(database, an_input(ciphertext=b"other"), an_input("acct-2"))
    rows = audit(database, "import_accounts")
    assert [(row["subject"], row["after"]) for row in rows] == [
        ("account/acct-1", {"status": "created"}),
        ("account/acct-1", {"status": "updated"}),
        ("account/acct-2", {"status": "created"}),
    ]
    assert {(row["actor"], row["reason"]) for row in rows} == {("alice", "because")}


def test_the_request_is_remembered_without_the_tasks_to_send(database: TestDatabase) -> None:
    """A replayed response must not send the tasks again."""
    started = a_start("acct-1", a_definition(database))
    import_(database, an_input(), starts=(started,), record=RECORD)
    found = control(database).find_import("alice", "k1")
    assert found is not None
    assert found.answer == {
        "request": {"rows": 1},
        "imported": {
            "accounts": {"acct-1": "created"},
            "incomplete": {},
            "started": [
                {"account_id": "acct-1", "status": "started", "instance_id": started.instance_id}
            ],
        },
    }


def test_a_remembered_key_is_not_used_again(database: TestDatabase) -> None:
    """A request may commit between another one's lookup of the key and its import."""
    import_(database, an_input(), record=RECORD)
    with pytest.raises(IdempotencyInFlight):
        import_(database, an_input(model_id="m2"), record=RECORD)
    assert stored(database)["model_id"] == "m"


def test_an_expired_key_can_be_used_again(database: TestDatabase) -> None:
    """A key expires after 24 hours."""
    import_(database, an_input(), record=RECORD)
    database.rows("update import_requests set created_at = created_at - interval '24 hours'")
    import_(database, an_input(model_id="m2"), record=RECORD)
    assert stored(database)["model_id"] == "m2"
    assert database.value("select count(*) from import_requests") == 1


def call(session: Session, *account_ids: str, key: str | None = None) -> list[Row]:
    """Call the function on a session of its own."""
    rows = [
        {"flamebot_id": one, "model_id": "m", "channel_id": "c", "version": 100_001}
        for one in account_ids
    ]
    return session.rows(
        "select import_accounts(%s, '[]', 'alice', %s, '\\x01', '\\x02', '{}', 'alice', null,"
        " null, interval '120 s', interval '90 s', 1) as answer",
        (to_json(rows), key),
    )


@pytest.mark.race
def test_the_same_key_at_once_is_in_flight(database: TestDatabase) -> None:
    """The second request does not wait for the first, and stores nothing."""
    one, two = database.session(), database.session()
    one.begin()
    call(one, "acct-1", key="k1")
    two.rows("set lock_timeout = '2s'")
    with pytest.raises(Exception, match="at work now"):
        call(two, "acct-2", key="k1")
    one.commit()
    assert database.value("select array_agg(flamebot_id) from accounts") == ["acct-1"]


@pytest.mark.race
def test_another_key_does_not_wait(database: TestDatabase) -> None:
    """Only the same key of the same caller conflicts."""
    one, two = database.session(), database.session()
    one.begin()
    call(one, "acct-1", key="k1")
    call(two, "acct-2", key="k2")
    one.commit()
    assert database.value("select count(*) from accounts") == 2


@pytest.mark.race
def test_imports_of_the_same_new_accounts_wait_for_each_other(database: TestDatabase) -> None:
    """The second one waits and then finds the accounts."""
    one, two = database.session(), database.session()
    one.begin()
    call(one, "d", "b")
    waiting = start(lambda: call(two, "d", "c", "b", "a"))
    database.until_blocked(two)
    one.commit()
    (answer,) = waiting.result()
    assert answer["answer"]["accounts"] == {
        "a": "created",
        "b": "updated",
        "c": "created",
        "d": "updated",
    }


def test_imports_in_any_order_never_deadlock(database: TestDatabase) -> None:
    """Four callers import new and known accounts, each in an order of its own."""

    def work(seed: int) -> int:
        dice, session = random.Random(seed), database.session()
        for _ in range(12):
            call(session, *dice.sample([f"acct-{n}" for n in range(60)], 25))
        return seed

    calls = [start(lambda seed=seed: work(seed)) for seed in range(4)]  # type: ignore[misc]  # mypy cannot see the default's type
    assert [one.result(60) for one in calls] == [0, 1, 2, 3]


@pytest.mark.race
def test_an_import_during_an_erasure_waits_for_it(database: TestDatabase) -> None:
    """The account is erased and then created again with a version that was never used."""
    an_account(database, "acct-1")
    eraser, importer = database.session(), database.session()
    eraser.begin()
    eraser.rows("select delete_account('acct-1', 'a', null)")
    waiting = start(lambda: call(importer, "acct-1"))
    database.until_blocked(importer)
    eraser.commit()
    (answer,) = waiting.result()
    assert answer["answer"]["accounts"] == {"acct-1": "created"}
