"""Accounts imported and workflows started by the set-based SQL alone.

`local_stack` measures the import over HTTP.
"""

from __future__ import annotations

import gc
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bench.database import fresh
from bench.engine import Engine
from bench.figures import Figure, figure
from bench.run import Run
from bench.workload import THREE_EFFECTS, import_workflows, publish

_ACCOUNTS = 30_000
_ENVIRONMENTS = 2  # as the import over HTTP has
_WARM = 6000  # accounts, until a session has its lasting plans


def measure(run: Run) -> list[Figure]:
    """Call the function with a thousand accounts each, every one with a new workflow.

    One process calls it, then two.
    """
    accounts = run.size(_ACCOUNTS, least=10_000)
    with fresh(run.server) as url:
        engine = Engine(url, threads=1)
        publish(engine, THREE_EFFECTS)
        engine.close()
        with ProcessPoolExecutor(_ENVIRONMENTS, mp_context=get_context("spawn")) as processes:
            _, _, alone = processes.submit(_import, url, "alone", accounts).result()
            working = [
                processes.submit(_import, url, f"both{number}", accounts)
                for number in range(_ENVIRONMENTS)
            ]
            both = [one.result() for one in working]
    spent = max(ended for _, ended, _ in both) - min(begun for begun, _, _ in both)
    return [
        figure(
            "import_set_based_per_second",
            accounts * _ENVIRONMENTS / spent,
            "1/s",
            "two processes; the SQL function, its JSON, and planning",
        ),
        figure(
            "import_set_based_alone_per_second",
            accounts / alone,
            "1/s",
            "one process; the SQL function with its JSON, without planning",
        ),
    ]


def _import(url: str, prefix: str, accounts: int) -> tuple[float, float, float]:
    """Import in its own process; return begin, end, and the seconds spent in the function."""
    engine = Engine(url, threads=1)
    try:
        import_workflows(engine, THREE_EFFECTS, _WARM, prefix=f"{prefix}-warm")
        gc.freeze()  # as the function does
        begun = time.monotonic()
        in_sql = import_workflows(engine, THREE_EFFECTS, accounts, prefix=prefix)
        return begun, time.monotonic(), in_sql
    finally:
        engine.close()
