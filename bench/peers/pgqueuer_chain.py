"""PgQueuer: three jobs in a chain, each queueing the next.

One process, batch 200, 800 at once, uvloop, asyncpg pool.
"""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import uvloop
from pgqueuer import AsyncpgPoolDriver, Job, PgQueuer, Queries
from race import race, ready, report


async def _work(url: str) -> None:
    pool = await asyncpg.create_pool(url, min_size=4, max_size=20)
    manager = PgQueuer(AsyncpgPoolDriver(pool))
    for number in (1, 2, 3):

        @manager.entrypoint(f"step{number}")
        async def step(job: Job, following: int = number + 1) -> None:
            if following <= 3:
                await manager.qm.queries.enqueue(f"step{following}", job.payload)

    ready()
    await manager.run(batch_size=200, max_concurrent_tasks=800)


async def _enqueue(url: str, count: int) -> None:
    pool = await asyncpg.create_pool(url, min_size=1, max_size=2)
    queries = Queries(AsyncpgPoolDriver(pool))
    await queries.install()
    for first in range(0, count, 1000):
        names = [f"acc-{number}".encode() for number in range(first, min(first + 1000, count))]
        await queries.enqueue(["step1"] * len(names), names, [0] * len(names))
    await pool.close()


async def _left(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("select count(*) from pgqueuer"))
    finally:
        await connection.close()


def main() -> None:
    """Queue the first jobs and race the worker until no job is left."""
    mode, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    uvloop.install()
    if mode == "work":
        asyncio.run(_work(url))
        return
    asyncio.run(_enqueue(url, count))
    seconds = race(
        [sys.executable, __file__, "work", url, "0"], 1, lambda: asyncio.run(_left(url)) == 0
    )
    report(3 * count, seconds)


main()
