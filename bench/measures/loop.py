"""The time per iteration of one instance that loops: the last iterations against the first."""

from __future__ import annotations

import contextlib
import os
import time

from bench import plots
from bench.database import Session, fresh
from bench.engine import Engine
from bench.figures import Figure, figure
from bench.run import Run
from bench.workload import import_workflows, publish
from flamebot.domain.message import TaskPointer
from flamebot.services.sending import send_tasks

_ITERATIONS = 100_000
_LONG = 1_000_000
_COMPARED = 5_000
_WARM_UP = 500
LOOP = {
    "type": "loop",
    "name": "Loop",
    "description": "",
    "config": {},
    "steps": [
        {"id": "breathe", "action": "wait", "delay": 1},
        {"id": "again", "action": "goto", "nextStep": "breathe", "infiniteAllowed": True},
    ],
}


def measure(run: Run) -> list[Figure]:
    """Run a looping workflow through the step function.

    Each iteration has one timer, with its begin and commit.
    """
    iterations = _LONG if run.long else run.size(_ITERATIONS)
    compared = min(_COMPARED, iterations // 4)
    moments: list[float] = []
    with fresh(run.server) as url:
        engine, session = Engine(url, threads=1), Session(url)
        try:
            publish(engine, LOOP)
            pointers: list[TaskPointer] = []
            import_workflows(engine, LOOP, 1, pointers=pointers)
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
                send_tasks(
                    pointers, queue=engine.queue, clock=engine.clock, telemetry=engine.telemetry
                )
                while len(moments) < iterations + _WARM_UP:
                    assert engine.serve(5.0) == 1, "the loop has stopped"
                    moments.append(time.perf_counter())
            size, count = session.rows(
                "select pg_column_size(i.*), (i.goto_iterations "
                "->> 'again')::int from workflow_instances i"
            )[0]
            assert int(count) >= iterations, count
        finally:
            engine.close()
            session.close()
    moments = moments[_WARM_UP:]
    first, last = moments[compared] - moments[0], moments[-1] - moments[-1 - compared]
    plots.loop(run.results / "loop.png", moments)
    return [
        figure(
            "loop_ratio",
            last / first,
            "x",
            (
                f"{iterations:,} iterations; {1000 * first / compared:.2f} "
                f"ms each at first, {1000 * last / compared:.2f} at last"
            ),
        ),
        figure("loop_row_bytes", size, "B"),
    ]
