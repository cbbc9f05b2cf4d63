"""The duration of one tick with 100,000 due tasks."""

from __future__ import annotations

import contextlib
import io

from bench.database import Session, fresh
from bench.engine import Engine
from bench.figures import Figure, figure
from bench.filling import fill, rest_definition
from bench.run import Run

_DUE = 100_000


def measure(run: Run) -> list[Figure]:
    """Tick once through the handler, with MAX_QUEUED_TASKS above the number of due tasks."""
    due = run.size(_DUE)
    with fresh(run.server) as url:
        engine, session = Engine(url, threads=1, max_queued=2 * _DUE), Session(url)
        try:
            fill(
                session,
                rest_definition(engine, session),
                due,
                prefix="due-",
                soonest="-1 minute",
                latest="1 minute",
            )
            session.rows("vacuum (analyze) scheduled_tasks, workflow_instances")
            with contextlib.redirect_stdout(io.StringIO()):
                report = engine.tick()
        finally:
            engine.close()
            session.close()
    assert report["claimed"] == report["sent"] == due, report
    return [
        figure(
            "tick_100k_seconds",
            report["seconds"],
            "s",
            f"{due:,} claimed and sent in {engine.queue.sent:,} messages",
        )
    ]
