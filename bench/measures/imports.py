"""Accounts imported, their workflows started: the set-based path alone. Over HTTP it is measured by `local_stack`."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from bench.database import fresh
from bench.engine import Engine
from bench.figures import Figure, figure
from bench.run import Run
from bench.workload import THREE_EFFECTS, import_workflows, publish

_ACCOUNTS = 30_000
_CONNECTIONS = 2  # as the import over HTTP has clients
_WARM = 6000  # accounts, until a session has its lasting plans


def measure(run: Run) -> list[Figure]:
    """The verb alone, a thousand accounts a call, each with a new workflow: over one connection, and over two at once."""
    accounts = run.size(_ACCOUNTS, least=6000)
    with fresh(run.server) as url:
        engines = [Engine(url, threads=1) for _ in range(_CONNECTIONS)]
        try:
            publish(engines[0], THREE_EFFECTS)
            for number, engine in enumerate(engines):
                import_workflows(engine, THREE_EFFECTS, _WARM, prefix=f"warm{number}")
            alone = import_workflows(engines[0], THREE_EFFECTS, accounts, prefix="alone")
            with ThreadPoolExecutor(_CONNECTIONS) as threads:
                begun = time.perf_counter()
                working = [
                    threads.submit(import_workflows, engine, THREE_EFFECTS, accounts, prefix=f"beside{number}")
                    for number, engine in enumerate(engines)
                ]
                for one in working:
                    one.result()
                spent = time.perf_counter() - begun
        finally:
            for engine in engines:
                engine.close()
    return [
        figure("import_set_based_per_second", accounts * _CONNECTIONS / spent, "1/s", "two connections; the verb, its JSON, and planning"),
        figure("import_set_based_alone_per_second", accounts / alone, "1/s", "one connection; the verb with its JSON, without planning"),
    ]
