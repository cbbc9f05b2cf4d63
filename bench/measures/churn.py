"""A million steps through the tables with autovacuum on: claim time and table sizes over time."""

from __future__ import annotations

import statistics
import time
from datetime import timedelta
from typing import Any

from bench import plots
from bench.database import Session, fresh
from bench.engine import HORIZON, LEASE, Engine
from bench.figures import Figure, figure
from bench.filling import fill, rest_definition
from bench.run import Run
from flamebot.adapters.clock.system import SystemClock
from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.domain.begun import Begun
from flamebot.domain.committed import CommitItem
from flamebot.domain.decision import Decision, HistoryEntry, InstanceWrite, NextTask, TaskWrite
from flamebot.domain.task import Phase

_STEPS = 1_000_000
_LONG = 10_000_000
_INSTANCES = 20_000
_BATCH = 500
_KEPT_SECONDS = 20  # the life of a finished row here; in production seven days
_LOOK_SECONDS = 2.0
_SIZE = """
select n_dead_tup, n_live_tup, pg_relation_size('scheduled_tasks'),
    pg_indexes_size('scheduled_tasks'), autovacuum_count
  from pg_stat_user_tables where relname = 'scheduled_tasks'
"""


def measure(run: Run) -> list[Figure]:
    """Claim, begin and commit in batches through the store.

    Finished tasks are deleted as by maintenance.
    """
    steps = _LONG if run.long else run.size(_STEPS)
    claims: list[float] = []
    looks: list[tuple[float, ...]] = []
    with fresh(run.server) as url:
        engine, session = Engine(url, threads=1), Session(url)
        try:
            definition = rest_definition(engine, session)
            fill(
                session,
                definition,
                _INSTANCES,
                prefix="churn-",
                soonest="-2 hours",
                latest="-1 hour",
            )
            claiming = PostgresEngineStore(
                engine.database, SystemClock(), horizon=HORIZON, lease=LEASE, max_queued=1_000_000
            )
            # Its successors are due, but beyond this horizon: they are stored pending, and each is
            # claimed.
            committing = PostgresEngineStore(
                engine.database,
                SystemClock(),
                horizon=timedelta(days=-2),
                lease=LEASE,
                max_queued=1_000_000,
            )
            begun_at = looked = time.perf_counter()
            done = 0
            while done < steps:
                before = time.perf_counter()
                pointers = claiming.claim_due_tasks(_BATCH)
                claims.append(time.perf_counter() - before)
                results = claiming.begin_tasks(pointers, "00000000-0000-4000-8000-000000000000")
                begun = [result for result in results if isinstance(result, Begun)]
                done += sum(
                    answer.accepted
                    for answer in committing.commit_tasks([_next(each) for each in begun])
                )
                if time.perf_counter() - looked > _LOOK_SECONDS:
                    looked = time.perf_counter()
                    session.rows(
                        "select delete_finished_tasks(clock_timestamp() - %s, 20000)",
                        (timedelta(seconds=_KEPT_SECONDS),),
                    )
                    looks.append(
                        (looked - begun_at, *(float(value) for value in session.rows(_SIZE)[0]))
                    )
            seconds = time.perf_counter() - begun_at
        finally:
            engine.close()
            session.close()
    part = max(10, len(claims) // 20)
    first, last = statistics.median(claims[5 : 5 + part]), statistics.median(claims[-part:])
    plots.churn(run.results / "churn.png", claims, looks, seconds)
    dead = max((look[1] for look in looks), default=0.0)
    half = looks[len(looks) // 2 :] or [(0.0, 0.0, 0.0, 1.0, 1.0, 0.0)]
    return [
        figure(
            "churn_claim_ratio",
            last / first,
            "x",
            (
                f"{steps:,} steps; a claim of {_BATCH} took "
                f"{first * 1000:.1f} ms at first, {last * 1000:.1f} at last"
            ),
        ),
        figure(
            "churn_dead_tuples_most",
            dead,
            "",
            f"autovacuum came {looks[-1][5] if looks else 0:.0f} times",
        ),
        figure(
            "churn_table_growth_second_half",
            half[-1][3] / half[0][3],
            "x",
            "size of scheduled_tasks, without its indexes",
        ),
        figure(
            "churn_steps_per_second",
            steps / seconds,
            "1/s",
            "the SQL functions alone: one connection, batches of 500, no step is run",
        ),
    ]


def _next(begun: Begun) -> CommitItem:
    assert begun.task is not None
    task, now = begun.task, begun.now
    entry: dict[str, Any] = {
        "step_id": task.step_id,
        "action": task.action,
        "attempt": 1,
        "started_at": now,
        "finished_at": now,
    }
    return CommitItem(
        task_id=task.task_id,
        fence=task.fence,
        decision=Decision(
            task=TaskWrite(to="completed"),
            instance=InstanceWrite(current_step=0),
            history=(HistoryEntry(status="completed", **entry),),
            next=NextTask(
                step_id=task.step_id,
                action=task.action,
                phase=Phase.TIMER,
                at=now - timedelta(seconds=1),
                payload=task.payload,
            ),
        ),
    )
