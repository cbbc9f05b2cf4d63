"""Lateness: tasks due at random instants, minute ticks, a queue with whole-second delays."""

from __future__ import annotations

import statistics

from bench import plots
from bench.database import Session, fresh
from bench.engine import Engine
from bench.figures import Figure, figure
from bench.filling import fill, rest_definition
from bench.run import Run
from bench.workers import Workers

_PER_SECOND = 50
_SECONDS = 100
_THREADS = 5  # the default
_ENVIRONMENTS = (
    5  # as many as Lambda's pollers invoke at first when a queue wakes up; the limit is a thousand
)
_TIMEOUT = 90.0
_BEGUN = "select count(*) from scheduled_tasks where sequence = 1 and started_at is not null"


def measure(run: Run) -> list[Figure]:
    """Measure fifty tasks a second: a tick a minute, one queue, five environments."""
    seconds = run.seconds(_SECONDS)
    count = seconds * _PER_SECOND
    with fresh(run.server) as url:
        engine, session = Engine(url, threads=1), Session(url)
        try:
            definition = rest_definition(engine, session)
            workers = Workers(
                url, processes=1, threads=_THREADS, max_queued=20_000, environments=_ENVIRONMENTS
            )
            fill(
                session, definition, count, prefix="late-", soonest="5 s", latest=f"{5 + seconds} s"
            )
            workers.run_until(lambda: session.value(_BEGUN) == count, timeout=seconds + _TIMEOUT)
            rows = session.rows(
                "select extract(epoch from started_at - scheduled_for)::float8 from scheduled_tasks"
                " where sequence = 1 and started_at is not null"
            )
        finally:
            engine.close()
            session.close()
    late = sorted(value for (value,) in rows)
    assert len(late) == count, f"{len(late)} of {count} tasks were begun"
    plots.lateness(run.results / "lateness.png", late)
    return [
        figure(
            "lateness_p50_seconds",
            statistics.median(late),
            "s",
            f"{count:,} tasks, {_PER_SECOND} a second",
        ),
        figure(
            "lateness_p99_seconds", late[int(len(late) * 0.99)], "s", f"the latest {late[-1]:.3f} s"
        ),
        figure("lateness_early_tasks", sum(value < 0 for value in late), ""),
    ]
