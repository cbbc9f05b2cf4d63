"""The read side returns lists, pages and single objects; a bad cursor is a client error."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flamebot.adapters.postgres import cursors
from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.domain.errors import Invalid, NotFound
from flamebot.ports.read_store import Page
from tests.support.builders import (
    NOON,
    a_decision,
    a_definition,
    a_next,
    a_start,
    a_submit,
    after,
    an_account,
    an_entry,
    an_instance,
    begin,
    commit,
    start_rows,
)
from tests.support.databases import TestDatabase
from tests.support.stores import (
    ALICE,
    StoppedClock,
    control,
    failed,
    polling,
    reads,
    running,
    unsure,
)

NO_INSTANCE = "00000000-0000-4000-8000-000000000000"
WORKFLOW = {
    "id", "account_id", "workflow_type", "workflow_version", "status", "current_step",
    "current_step_id", "total_steps", "next_action_at", "last_error", "started_at", "finished_at",
    "paused_at", "updated_at", "revision", "execution_context", "goto_iterations",
    "account_data", "task", "effect_in_flight", "allowed_actions",
}  # fmt: skip
TASK = {
    "task_id",
    "step_id",
    "action",
    "phase",
    "status",
    "scheduled_for",
    "attempts",
    "reclaims",
    "sends",
    "lease_expires_at",
    "error",
    "deferrals",
    "deferred_ms",
    "deferred_at",
    "held_back_by",
}


def ids(page: Page) -> list[str]:
    """Return the ids on a page."""
    return [item["id"] for item in page.items]


def listed(database: TestDatabase, **filters: Any) -> list[str]:
    """Return the ids that a filter matches."""
    return ids(reads(database).workflows(filters, None, 200))


def test_a_workflow_shows_itself_and_its_live_task(database: TestDatabase) -> None:
    """A workflow has its columns, times as datetimes in UTC, its step's id and its live task."""
    started = an_instance(database, a_next(at=after(hours=1)))
    shown = reads(database).workflow(started.instance_id)
    assert shown.keys() == WORKFLOW
    assert shown["task"].keys() == TASK
    assert (shown["id"], shown["account_id"]) == (started.instance_id, started.account_id)
    assert (shown["workflow_type"], shown["workflow_version"]) == ("default", 1)
    assert (shown["current_step"], shown["current_step_id"], shown["total_steps"]) == (0, "rest", 3)
    assert shown["started_at"].utcoffset() == timedelta()
    assert (shown["next_action_at"], shown["task"]["scheduled_for"], shown["task"]["status"]) == (
        after(hours=1),
        after(hours=1),
        "pending",
    )


def test_a_finished_workflow_has_no_live_task(database: TestDatabase) -> None:
    """A finished workflow has no live task and no next action."""
    shown = reads(database).workflow(failed(database).instance_id)
    assert (shown["task"], shown["next_action_at"], shown["status"], shown["last_error"]) == (
        None,
        None,
        "failed",
        "refused: no",
    )


@pytest.mark.parametrize(
    ("state", "flying"), [(running, False), (polling, True), (unsure, True), (an_instance, False)]
)
def test_an_effect_is_in_flight_while_something_may_happen(
    database: TestDatabase, state: Any, flying: bool
) -> None:
    """An open job or a running submit is an effect in flight; a running wait is none."""
    assert reads(database).workflow(state(database).instance_id)["effect_in_flight"] is flying


def test_a_running_submit_is_an_effect_in_flight(database: TestDatabase) -> None:
    """A submit that is running may be at the service at this moment."""
    assert (
        reads(database).workflow(running(database, a_submit()).instance_id)["effect_in_flight"]
        is True
    )


@pytest.mark.parametrize("instance_id", [NO_INSTANCE, "nonsense", ""])
def test_an_unknown_workflow_is_not_found(database: TestDatabase, instance_id: str) -> None:
    """Neither a workflow nor a history is found under an unknown id."""
    with pytest.raises(NotFound):
        reads(database).workflow(instance_id)
    with pytest.raises(NotFound):
        reads(database).history(instance_id, None, 10)


def test_filters_match(database: TestDatabase) -> None:
    """Each filter matches alone, all match together, and none matches everything."""
    mine = an_instance(database, a_next(at=after(hours=1)))
    broken = failed(database)
    other = a_start(
        an_account(database), a_definition(database, "other"), a_next(at=after(hours=9))
    )
    start_rows(database, [other])
    assert set(listed(database)) == {mine.instance_id, broken.instance_id, other.instance_id}
    assert listed(database, status="failed") == [broken.instance_id]
    assert listed(database, type="other") == [other.instance_id]
    assert listed(database, account_id=mine.account_id) == [mine.instance_id]
    assert listed(database, step_id="swipe") == [broken.instance_id]
    assert listed(database, error="REFUSED") == [broken.instance_id]
    assert listed(database, error="%") == []
    assert listed(database, due_before=after(hours=2)) == [mine.instance_id]
    assert listed(
        database, status="active", type="default", account_id=mine.account_id, step_id="rest"
    ) == [mine.instance_id]
    assert listed(database, status="failed", type="other") == []
    assert set(listed(database, status=None)) == set(listed(database))


def test_pages_follow_each_other_newest_first(database: TestDatabase) -> None:
    """Pages hold every workflow once, also those that started at the same moment."""
    for hour in (1, 1, 1, 2, 3):
        an_instance(database, now=after(hours=hour))
    store, cursor, seen = reads(database), None, []
    for _ in range(3):
        page = store.workflows({}, cursor, 2)
        seen += [(item["started_at"], item["id"]) for item in page.items]
        cursor = page.next_cursor
    assert cursor is None
    assert len(set(seen)) == 5
    assert [at for at, _ in seen] == [after(hours=hour) for hour in (3, 2, 1, 1, 1)]


def test_a_full_last_page_has_no_cursor(database: TestDatabase) -> None:
    """A full last page has no cursor, so no empty page follows."""
    an_instance(database)
    an_instance(database)
    assert reads(database).workflows({}, None, 2).next_cursor is None


def test_a_page_fits_into_a_response(database: TestDatabase) -> None:
    """A page of workflows with large contexts has fewer items and a cursor."""
    for _ in range(3):
        an_instance(database)
    database.rows(
        "update workflow_instances set account_data = jsonb_build_object('x', repeat('x', 1900000))"
    )
    store, cursor, sizes = reads(database), None, []
    while True:
        page = store.workflows({}, cursor, 200)
        sizes.append(len(page.items))
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sizes == [2, 1]


BAD_CURSORS = [
    "", "x", "!!!", "bnVsbA", "W10", "W3t9XQ", "💥", "=" * 8, cursors.encode("x"),
    cursors.encode(NOON), cursors.encode(NOON, "x"),
    cursors.encode("2030-01-01T00:00:00", NO_INSTANCE),
    cursors.encode(1, 2, 3), cursors.encode(-1), cursors.encode(2**70),
    "W1tbW1tbW1tbW1tb" * 30,
]  # fmt: skip


@pytest.mark.parametrize("cursor", BAD_CURSORS)
@pytest.mark.parametrize("list_name", ["workflows", "history", "failed_tasks"])
def test_a_bad_cursor_is_invalid(database: TestDatabase, cursor: str, list_name: str) -> None:
    """A malformed cursor is invalid, with a pointer to it."""
    store = reads(database)
    key = an_instance(database).instance_id if list_name == "history" else ""
    calls = {
        "workflows": lambda: store.workflows({}, cursor, 10),
        "history": lambda: store.history(key, cursor, 10),
        "failed_tasks": lambda: store.failed_tasks(cursor, 10),
    }
    with pytest.raises(Invalid) as refusal:
        calls[list_name]()
    assert [issue.pointer for issue in refusal.value.issues] == ["/cursor"]


def test_a_history_is_paged_oldest_first(database: TestDatabase) -> None:
    """A history is paged by sequence, oldest first."""
    started = an_instance(database)
    (begun,) = begin(database, started.task_id)
    entries = tuple(
        an_entry(step_id=f"s{n}", result={"n": n}, finished_at=after(days=-n)) for n in range(5)
    )
    commit(database, (started.task_id, begun["fence"], a_decision(history=entries)))
    store = reads(database)
    first = store.history(started.instance_id, None, 3)
    second = store.history(started.instance_id, first.next_cursor, 3)
    assert [(item["sequence"], item["step_id"]) for item in [*first.items, *second.items]] == [
        (n + 1, f"s{n}") for n in range(5)
    ]
    assert first.items[1]["result"] == {"n": 1}
    assert first.items[1]["finished_at"] == after(days=-1)
    assert second.next_cursor is None


def test_a_workflow_without_history_has_an_empty_one(database: TestDatabase) -> None:
    """A workflow without history has an empty one."""
    assert reads(database).history(an_instance(database).instance_id, None, 10) == Page(
        items=[], next_cursor=None
    )


def test_an_account_is_shown_without_credentials(database: TestDatabase) -> None:
    """An account has its credentials' versions and its live workflow, not its credentials."""
    account_id = an_account(database, credentials_ciphertext=b"secret", ciphertext_version=100_000)
    started = an_instance(database, account_id=account_id)
    shown = reads(database).account(account_id)
    assert (
        shown["flamebot_id"],
        shown["has_credentials"],
        shown["credentials_version"],
        shown["status"],
    ) == (
        account_id,
        True,
        100_000,
        "active",
    )
    assert (shown["live_workflow_id"], shown["live_workflow_status"]) == (
        started.instance_id,
        "active",
    )
    assert "secret" not in json.dumps(shown, default=str)
    assert not any("cipher" in name for name in shown)
    bare = reads(database).account(an_account(database))
    assert (bare["has_credentials"], bare["live_workflow_id"]) == (False, None)
    with pytest.raises(NotFound):
        reads(database).account("no-such-account")


def test_current_definitions_are_listed_with_their_instances(database: TestDatabase) -> None:
    """A type's instances on older versions are counted too."""
    a_definition(database, "default")
    an_instance(database)
    failed(database)
    a_definition(database, "default", version=2)
    a_definition(database, "other")
    shown = {row["type"]: row for row in reads(database).definitions()}
    assert list(shown) == ["default", "other"]
    assert (
        shown["default"]["version"],
        shown["default"]["instances"],
        shown["default"]["total_steps"],
    ) == (2, {"active": 1, "failed": 1}, 3)
    assert shown["other"]["instances"] == {}


def test_a_definition_is_shown_by_version(database: TestDatabase) -> None:
    """A definition is found by version, and without one the current version is."""
    for version in (1, 2):
        a_definition(database, "mine", version=version)
    store = reads(database)
    assert store.definition_version("mine", 1)["version"] == 1
    assert store.definition_version("mine", 1)["is_current"] is False
    assert store.definition_version("mine", None)["version"] == 2
    for workflow_type, absent in (("mine", 3), ("no-such-type", None)):
        with pytest.raises(NotFound):
            store.definition_version(workflow_type, absent)


def test_failed_tasks_are_the_last_ones_of_failed_workflows(database: TestDatabase) -> None:
    """The last tasks of failed workflows are paged; those of other workflows are not listed."""
    broken = [failed(database, unknown=unknown) for unknown in (False, True, False)]
    an_instance(database)
    control(database).retry_workflow(
        broken[0].instance_id, 1, replace(a_decision(next_task=a_submit()), task=None), ALICE
    )
    store = reads(database)
    first = store.failed_tasks(None, 1)
    second = store.failed_tasks(first.next_cursor, 1)
    rows = [*first.items, *second.items]
    assert {row["task_id"] for row in rows} == {broken[1].task_id, broken[2].task_id}
    assert second.next_cursor is None
    unknown = next(row for row in rows if row["task_id"] == broken[1].task_id)
    names = ("instance_id", "account_id", "step_id", "phase", "status")
    assert tuple(unknown[name] for name in names) == (
        broken[1].instance_id, broken[1].account_id, "swipe", "submit", "failed",
    )  # fmt: skip
    assert (unknown["attempts"], unknown["outcome_unknown"], unknown["error"]) == (
        3,
        True,
        "outcome_unknown: no answer",
    )
    assert unknown["finished_at"] == NOON


def test_the_databases_clock_is_the_schedule_clock_where_there_is_no_other(
    database: TestDatabase,
) -> None:
    """Without a schedule clock the database's clock is schedule time, as on AWS."""

    class NoClock(StoppedClock):
        def now(self) -> Any:
            return None

    store = PostgresAdminStore(
        database.db, NoClock(NOON), horizon=timedelta(seconds=120), lease=timedelta(seconds=90)
    )
    before = database.value("select clock_timestamp()")
    assert before <= store.now() <= database.value("select clock_timestamp()")
    started = an_instance(database, a_next(at=store.now() + timedelta(hours=1)), now=store.now())
    assert before <= store.pause_workflow(started.instance_id, ALICE).workflow["paused_at"]
    assert (
        store.resume_workflow(started.instance_id, "freeze", ALICE).workflow["status"] == "active"
    )
    assert store.stop_workflow(started.instance_id, ALICE).workflow["finished_at"] >= before
