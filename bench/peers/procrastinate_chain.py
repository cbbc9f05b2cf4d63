"""Procrastinate: three jobs in a chain, each deferring the next.

Two processes, concurrency 30, LISTEN/NOTIFY.
"""

from __future__ import annotations

import asyncio
import sys

import procrastinate
import psycopg
from race import race, ready, report


def _app(url: str) -> procrastinate.App:
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(conninfo=url, min_size=4, max_size=30)
    )

    @app.task(name="chain")
    async def chain(step: int) -> None:
        if step < 3:
            await chain.defer_async(step=step + 1)

    return app


async def _work(url: str) -> None:
    app = _app(url)
    async with app.open_async():
        ready()
        await app.run_worker_async(
            concurrency=30, listen_notify=True, install_signal_handlers=False
        )


async def _defer(url: str, count: int) -> None:
    app = _app(url)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await app.tasks["chain"].batch_defer_async(*({"step": 1} for _ in range(count)))


def main() -> None:
    """Defer the first jobs and race the workers."""
    mode, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if mode == "work":
        asyncio.run(_work(url))
        return
    asyncio.run(_defer(url, count))
    with psycopg.connect(url, autocommit=True) as session:

        def done() -> bool:
            row = session.execute(
                "select count(*) from procrastinate_jobs where status = 'succeeded'"
            ).fetchone()
            return row is not None and row[0] >= 3 * count

        report(3 * count, race([sys.executable, __file__, "work", url, "0"], 2, done))


main()
