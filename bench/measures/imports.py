"""Accounts imported, their workflows started: the set-based path alone, and over HTTP on the local stack."""

from __future__ import annotations

from bench.database import Session, fresh
from bench.engine import Engine
from bench.figures import Figure, figure
from bench.run import Run
from bench.workload import THREE_EFFECTS, import_workflows, publish

_ACCOUNTS = 30_000


def measure(run: Run) -> list[Figure]:
    """The verb alone, a thousand accounts a call, each with a new workflow."""
    accounts = run.size(_ACCOUNTS, least=2000)
    with fresh(run.server) as url:
        engine, session = Engine(url, threads=1), Session(url)
        try:
            publish(engine, THREE_EFFECTS)
            import_workflows(engine, THREE_EFFECTS, 1000, prefix="warm")
            spent = import_workflows(engine, THREE_EFFECTS, accounts)
        finally:
            engine.close()
            session.close()
    return [
        figure(
            "import_set_based_per_second", accounts / spent, "1/s", "one connection; the verb with its JSON, without judging and planning"
        )
    ]
