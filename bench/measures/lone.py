"""The time of one three-step workflow in an idle system."""

from __future__ import annotations

import contextlib
import io
import statistics
import time

from bench.database import Session, fresh
from bench.engine import Engine
from bench.figures import Figure, figure
from bench.measures.throughput import wait_of_the_polls
from bench.run import Run
from bench.workload import THREE_EFFECTS, import_workflows, publish, register
from flamebot.domain.message import TaskPointer
from flamebot.services.sending import send_tasks

_TIMES = 9


def measure(run: Run) -> list[Figure]:
    """Start workflows one after the other, each when the one before has ended.

    The planned waits of polls are subtracted.
    """
    with fresh(run.server) as url:
        engine, session = Engine(url, threads=5), Session(url)
        publish(engine, THREE_EFFECTS)
        try:
            taken = [
                _one(engine, session, f"lone-{number}")
                for number in range(3 if run.quick else _TIMES)
            ]
        finally:
            engine.close()
            session.close()
    waits = wait_of_the_polls().total_seconds()
    ms = [
        (seconds - waits) * 1000 for seconds in taken[1:]
    ]  # the first one fills caches: it is a cold start
    return [
        figure(
            "lone_workflow_ms",
            statistics.median(ms),
            "ms",
            (
                f"six phases; without the {waits:g} s that polls "
                f"wait by plan; {min(ms):.1f} to {max(ms):.1f}"
            ),
        ),
        figure("lone_workflow_wall_seconds", statistics.median(taken), "s", "with them"),
    ]


def _one(engine: Engine, session: Session, name: str) -> float:
    """Return the seconds from the first message to the last commit."""
    pointers: list[TaskPointer] = []
    import_workflows(engine, THREE_EFFECTS, 1, prefix=name, pointers=pointers)
    register(session)
    done = engine.telemetry.totals.get("WorkflowsCompleted", 0.0) + 1
    begun = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        send_tasks(pointers, queue=engine.queue, clock=engine.clock, telemetry=engine.telemetry)
        while engine.telemetry.totals.get("WorkflowsCompleted", 0.0) < done:
            engine.serve(1.0)
    return time.perf_counter() - begun
