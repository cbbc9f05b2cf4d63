"""Races of imports with imports, starts, erasure and registration.

Accounts are stored as a whole, and each has at most one live workflow.
"""

from __future__ import annotations

import pytest

from tests.integration.races.calls import erase, import_, mark
from tests.support.builders import (
    a_definition,
    a_next,
    a_start,
    after,
    an_account,
    an_instance,
    start_rows,
    stop,
)
from tests.support.databases import TestDatabase
from tests.support.race import or_refusal, race

pytestmark = pytest.mark.race


def test_imports_that_start_the_same_account_at_once(database: TestDatabase) -> None:
    """Two imports with a start make a new account once and start one workflow (I1)."""
    definition = a_definition(database)
    rows = [a_start("acct-1", definition) for _ in range(2)]
    one, two = race(
        database,
        import_("acct-1", starts=rows[:1]),
        import_("acct-1", starts=rows[1:], version=100_002),
    )
    assert (one["accounts"], two["accounts"]) == ({"acct-1": "created"}, {"acct-1": "updated"})
    assert [row["status"] for answer in (one, two) for row in answer["started"]] == [
        "started",
        "already_active",
    ]
    assert database.value("select count(*) from workflow_instances where is_live") == 1


def test_the_later_reserved_version_then_the_earlier(database: TestDatabase) -> None:
    """The import with the lower version commits last.

    Its credentials still get a version of their own.
    """
    an_account(database, "acct-1", credentials_version=100_000)
    race(database, import_("acct-1", version=100_020), import_("acct-1", version=100_010))
    row = database.one("select credentials_version, ciphertext_version from accounts")
    assert row["credentials_version"] not in (100_010, 100_020)
    assert row["ciphertext_version"] == 100_010


def test_the_same_idempotency_key_at_once(database: TestDatabase) -> None:
    """The second request is refused at once: it waits for nothing and stores nothing (I9)."""
    _, answer = race(
        database, import_("acct-1", key="k"), or_refusal(import_("acct-2", key="k")), waits=False
    )
    assert answer == "FB010"
    assert database.value("select array_agg(flamebot_id) from accounts") == ["acct-1"]


def test_import_then_start(database: TestDatabase) -> None:
    """A start waits for the import and uses the account as imported."""
    an_account(database, "acct-1")
    row = a_start("acct-1", a_definition(database))
    race(database, import_("acct-1", model="newer"), lambda s: start_rows(s, [row]))
    assert database.value("select account_data ->> 'model_id' from workflow_instances") == "newer"


def test_start_then_import(database: TestDatabase) -> None:
    """An import waits for the start, whose workflow keeps the account as it was."""
    an_account(database, "acct-1")
    row = a_start("acct-1", a_definition(database))
    race(database, lambda s: start_rows(s, [row]), import_("acct-1", model="newer"))
    assert database.value("select account_data ->> 'model_id' from workflow_instances") == "model-1"
    assert database.value("select model_id from accounts") == "newer"


def test_import_then_erasure(database: TestDatabase) -> None:
    """Erasing waits for the import and erases what it stored."""
    an_account(database, "acct-1")
    race(database, import_("acct-1"), erase("acct-1"))
    assert database.value("select count(*) from accounts") == 0


def test_an_import_that_starts_then_erasure(database: TestDatabase) -> None:
    """Erasing waits for the import and is refused: the account has a live workflow (I1)."""
    an_account(database, "acct-1")
    row = a_start("acct-1", a_definition(database))
    _, answer = race(database, import_("acct-1", starts=[row]), or_refusal(erase("acct-1")))
    assert answer == "FB004"
    assert database.value("select count(*) from accounts") == 1


def test_erasure_twice_at_once(database: TestDatabase) -> None:
    """The second of two erasures finds no account."""
    account = an_account(database)
    _, answer = race(database, erase(account), or_refusal(erase(account)))
    assert answer == "FB001"


def test_import_then_registration(database: TestDatabase) -> None:
    """A registration with the old version does not mark the imported account as registered."""
    an_account(database, "acct-1", credentials_version=100_000)
    _, marked = race(database, import_("acct-1", version=100_001), mark("acct-1", 100_000))
    assert marked is False
    assert database.value("select registered_version from accounts") is None


def test_registration_then_import(database: TestDatabase) -> None:
    """An account that was registered with an older version is registered again."""
    an_account(database, "acct-1", credentials_version=100_000)
    marked, _ = race(database, mark("acct-1", 100_000), import_("acct-1", version=100_001))
    assert marked is True
    assert tuple(
        database.one("select registered_version, credentials_version from accounts").values()
    ) == (100_000, 100_001)


def test_erasure_then_registration(database: TestDatabase) -> None:
    """An erased account is not marked as registered."""
    account = an_account(database, credentials_version=100_000)
    _, marked = race(database, erase(account), mark(account, 100_000))
    assert marked is False


def test_a_stop_that_ends_then_start(database: TestDatabase) -> None:
    """A start waits for the stop and finds the account free (I1)."""
    started = an_instance(database, a_next(at=after(hours=1)))
    row = a_start(started.account_id, a_definition(database))
    _, answers = race(
        database, lambda s: stop(s, started.instance_id), lambda s: start_rows(s, [row])
    )
    assert answers[0]["status"] == "started"
    assert database.value("select count(*) from workflow_instances where is_live") == 1


def test_starts_of_other_accounts_do_not_wait(database: TestDatabase) -> None:
    """Imports run in parallel unless they share an account."""
    rows = [a_start(an_account(database), a_definition(database)) for _ in range(2)]
    one, two = race(
        database, *[lambda s, row=row: start_rows(s, [row]) for row in rows], waits=False
    )
    assert (one[0]["status"], two[0]["status"]) == ("started", "started")
