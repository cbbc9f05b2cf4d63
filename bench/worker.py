"""A worker process: execution environments of the step function, with a ticker beside them.

It exchanges JSON lines with its parent: it prints `ready`, waits for a line, then ticks and runs
steps, and reports its totals five times a second until its input ends.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, TextIO

from bench.engine import Engine

_TELL_SECONDS = 0.2
_TICK_SECONDS = 60.0


def _totals(engines: Sequence[Engine]) -> dict[str, Any]:
    engine = engines[0]
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "at": time.time(),
        "steps": engine.telemetry.totals.get("StepsCompleted", 0.0),
        "workflows": engine.telemetry.totals.get("WorkflowsCompleted", 0.0),
        "claimed": engine.telemetry.totals.get("TasksClaimed", 0.0),
        "statements": engine.tick_database.statements
        + sum(each.database.statements for each in engines),
        "messages": engine.queue.sent,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
    }


def _tell(out: TextIO, what: dict[str, Any]) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()


def main() -> None:
    """Work until the input ends."""
    order = json.loads(sys.argv[1])
    output = os.fdopen(os.dup(1), "w")
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  # the product's log lines: written, as on Lambda, but to nowhere
    engine = Engine(order["url"], threads=order["threads"], max_queued=order["max_queued"])
    others = range(1, order["environments"])
    engines = [
        engine,
        *(Engine(order["url"], threads=order["threads"], beside=engine) for _ in others),
    ]
    for each in engines:
        each.database.call("select 1")
    engine.tick_database.call("select 1")
    _tell(output, {"ready": True})
    sys.stdin.readline()
    stopping = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        stopping.set()

    def tick() -> None:
        while not stopping.is_set():
            engine.tick()
            stopping.wait(_TICK_SECONDS)

    def tell() -> None:
        while not stopping.wait(_TELL_SECONDS):
            _tell(output, _totals(engines))

    def serve(served: Engine) -> None:
        while not stopping.is_set():
            served.serve(0.1)

    threads = [threading.Thread(target=work, daemon=True) for work in (listen, tick, tell)]
    beside = [threading.Thread(target=serve, args=(each,)) for each in engines[1:]]
    for thread in [*threads, *beside]:
        thread.start()
    serve(engine)
    for thread in beside:
        thread.join()
    _tell(output, _totals(engines))


if __name__ == "__main__":
    main()
