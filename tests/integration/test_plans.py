"""The hot SQL functions read only the rows they need, however many tasks sleep.

The numbers come from the executor's counters, so they hold for custom and generic plans.
"""

from __future__ import annotations

import pytest

from tests.support.builders import HORIZON, LEASE, a_decision, a_poll, after, begin, commit, reclaim
from tests.support.crowd import SLEEPERS
from tests.support.databases import Row, TestDatabase

BATCH = 500
WORK = """
select sum(seq_scan)::int as seq_scans, sum(seq_tup_read)::int
    as rows_scanned, sum(idx_tup_fetch)::int as rows_fetched
  from pg_stat_xact_user_tables
      where relname in ('scheduled_tasks', 'workflow_instances', 'accounts')
"""


def work(database: TestDatabase, since: Row | None = None) -> Row:
    """Return what the session's transaction has done to the hot tables, in total or since then."""
    now = database.one(WORK)
    return now if since is None else {name: count - since[name] for name, count in now.items()}


def make_due(database: TestDatabase, count: int) -> None:
    """Let some of the sleeping tasks fall due."""
    database.rows(
        "update scheduled_tasks set scheduled_for = %s where task_id in (select task_id"
        " from scheduled_tasks where is_due limit %s)",
        (after(), count),
    )


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
def test_hot_functions_touch_only_their_rows(crowded: TestDatabase, plan: str) -> None:
    """Claim, begin and commit of a batch read only its rows among a million sleepers."""
    crowded.rows(f"set plan_cache_mode = {plan}")
    crowded.main.begin()
    try:
        make_due(crowded, BATCH)
        seen = work(crowded)
        claimed = crowded.rows(
            "select * from claim_due_tasks(%s, %s, %s, %s, 1)", (after(), HORIZON, BATCH, LEASE)
        )
        claiming = work(crowded, seen)
        assert len(claimed) == BATCH
        assert claiming["seq_scans"] == 0
        assert claiming["rows_fetched"] <= 4 * BATCH

        fences = [row["fence"] for row in claimed]
        seen = work(crowded)
        begun = begin(crowded, *[row["task_id"] for row in claimed], fences=fences, now=after())
        beginning = work(crowded, seen)
        assert len(begun) == BATCH
        assert beginning["seq_scans"] == 0
        assert beginning["rows_fetched"] <= 12 * BATCH

        seen = work(crowded)
        items = [
            (row["task_id"], row["fence"], a_decision(next_task=a_poll(at=after(hours=1))))
            for row in begun
        ]
        assert len(commit(crowded, *items, now=after())) == BATCH
        committing = work(crowded, seen)
        assert committing["seq_scans"] == 0
        assert committing["rows_fetched"] <= 12 * BATCH
    finally:
        crowded.main.rollback()
        crowded.rows("reset plan_cache_mode")


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
def test_nothing_due_costs_nothing(crowded: TestDatabase, plan: str) -> None:
    """A tick that finds nothing due reads no sleeping task."""
    crowded.rows(f"set plan_cache_mode = {plan}")
    crowded.main.begin()
    try:
        seen = work(crowded)
        assert (
            crowded.rows(
                "select * from claim_due_tasks(%s, %s, 500, %s, 1)",
                (after(days=-1), HORIZON, LEASE),
            )
            == []
        )
        assert reclaim(crowded) == []
        assert crowded.rows("select * from resend_expired(500, %s)", (LEASE,)) == []
        idle = work(crowded, seen)
        assert (idle["seq_scans"], idle["rows_scanned"]) == (0, 0)
        assert idle["rows_fetched"] < 10  # the planner itself looks at the ends of an index
    finally:
        crowded.main.rollback()
        crowded.rows("reset plan_cache_mode")


def test_global_pause_looks_for_cancels_by_their_own_index(crowded: TestDatabase) -> None:
    """During a global pause a claim reads cancels only, not everything that is due."""
    crowded.main.begin()
    try:
        make_due(crowded, BATCH)
        crowded.rows("update engine_control set paused = true, paused_at = now()")
        seen = work(crowded)
        assert (
            crowded.rows(
                "select * from claim_due_tasks(%s, %s, 500, %s, 1)", (after(), HORIZON, LEASE)
            )
            == []
        )
        assert work(crowded, seen)["rows_fetched"] < 10
    finally:
        crowded.main.rollback()


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
def test_the_health_check_reads_what_is_in_flight_and_due(crowded: TestDatabase, plan: str) -> None:
    """The health check reads tasks in flight and due tasks, no sleeping ones."""
    crowded.rows(f"set plan_cache_mode = {plan}")
    crowded.main.begin()
    try:
        make_due(crowded, BATCH)
        seen = work(crowded)
        health = crowded.value("select engine_health(%s)", (after(seconds=1),))
        looking = work(crowded, seen)
        assert BATCH <= health["due_backlog"] < SLEEPERS / 10
        assert looking["seq_scans"] == 0
        assert (
            looking["rows_fetched"]
            <= health["due_backlog"] + health["queued"] + health["running"] + 10
        )
    finally:
        crowded.main.rollback()
        crowded.rows("reset plan_cache_mode")


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
def test_the_search_for_orphaned_workflows_is_bounded(crowded: TestDatabase, plan: str) -> None:
    """A batch reads only its instances and their tasks, wherever it begins (I2)."""
    crowded.rows(f"set plan_cache_mode = {plan}")
    crowded.main.begin()
    try:
        for start_after in ("", "sleeper-5"):
            seen = work(crowded)
            found = crowded.value("select find_orphaned_workflows(%s, %s)", (start_after, BATCH))
            looking = work(crowded, seen)
            assert (found["checked"], found["orphaned"]) == (BATCH, 0)
            assert looking["seq_scans"] == 0
            assert looking["rows_fetched"] <= 3 * BATCH
    finally:
        crowded.main.rollback()
        crowded.rows("reset plan_cache_mode")
