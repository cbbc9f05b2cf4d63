"""engine_stats returns counts, the steps of the last day, and the lateness of tasks."""

from __future__ import annotations

from tests.support.builders import a_decision, a_next, after, an_entry, an_instance, begin, commit
from tests.support.databases import TestDatabase
from tests.support.stores import ALICE, control, failed, reads


def test_an_empty_engine_counts_nothing(database: TestDatabase) -> None:
    """Every status is listed, with zero."""
    stats = reads(database).engine_stats()
    assert stats["workflows"] == dict.fromkeys(
        ("active", "paused", "stopping", "completed", "failed", "stopped"), 0
    )
    assert stats["tasks"] == dict.fromkeys(("pending", "queued", "running", "held"), 0)
    assert stats["accounts"] == {"active": 0, "suspended": 0}
    assert (stats["steps"], stats["errors"]) == ([], [])
    assert stats["lateness"] == {
        "tasks": 0,
        "p50_seconds": None,
        "p95_seconds": None,
        "p99_seconds": None,
        "max_seconds": None,
    }


def test_instances_tasks_and_accounts_are_counted_by_status(database: TestDatabase) -> None:
    """Instances, tasks and accounts are counted by status."""
    paused = an_instance(database)
    control(database).pause_workflow(paused.instance_id, ALICE)
    failed(database)
    an_instance(database, a_next(at=after(hours=1)))
    stats = reads(database).engine_stats()
    assert (
        stats["workflows"]["paused"],
        stats["workflows"]["failed"],
        stats["workflows"]["active"],
    ) == (1, 1, 1)
    assert (stats["tasks"]["held"], stats["tasks"]["pending"]) == (1, 1)
    assert stats["accounts"] == {"active": 3, "suspended": 0}


def test_steps_of_the_last_day_are_counted_by_action(database: TestDatabase) -> None:
    """Steps of the last day are counted by action, with their mean duration."""
    started = an_instance(database)
    (begun,) = begin(database, started.task_id)
    entries = (
        an_entry(action="swipe_with_spectre", finished_at=after(seconds=10)),
        an_entry(action="swipe_with_spectre", finished_at=after(seconds=20)),
        an_entry("failed", action="swipe_with_spectre"),
        an_entry(action="wait", finished_at=after(days=-2)),
    )
    commit(database, (started.task_id, begun["fence"], a_decision(history=entries)))
    (steps,) = reads(database, after(minutes=1)).engine_stats()["steps"]
    assert (steps["action"], steps["completed"], steps["failed"], steps["mean_seconds"]) == (
        "swipe_with_spectre",
        2,
        1,
        15,
    )


def test_lateness_is_how_long_after_its_due_time_a_task_began(database: TestDatabase) -> None:
    """The lateness of finished tasks is measured in schedule time."""
    for seconds in (1, 2, 3):
        started = an_instance(database)
        (begun,) = begin(database, started.task_id, now=after(seconds=seconds))
        commit(database, (started.task_id, begun["fence"], a_decision()), now=after(minutes=1))
    lateness = reads(database, after(minutes=2)).engine_stats()["lateness"]
    assert (lateness["tasks"], lateness["p50_seconds"], lateness["max_seconds"]) == (3, 2, 3)


def test_errors_are_grouped_by_their_code(database: TestDatabase) -> None:
    """Workflows that failed in the last day, and live tasks that wait because of an error."""
    for code, number in (("refused", 2), ("step_timeout", 1)):
        for _ in range(number):
            database.rows(
                "update workflow_instances set last_error = %s where id = %s",
                (f"{code}: no", failed(database).instance_id),
            )
    for error in ("throttled: 429", "throttled: 420", "refused: by a cancel"):
        database.rows(
            "update scheduled_tasks set error = %s where task_id = %s",
            (error, an_instance(database).task_id),
        )
    assert reads(database, after(hours=1)).engine_stats()["errors"] == [
        {"code": "refused", "failed": 2, "waiting": 1},
        {"code": "throttled", "failed": 0, "waiting": 2},
        {"code": "step_timeout", "failed": 1, "waiting": 0},
    ]
    later = reads(database, after(days=2)).engine_stats()["errors"]
    assert [(one["code"], one["failed"]) for one in later] == [("throttled", 0), ("refused", 0)]
