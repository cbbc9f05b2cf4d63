"""Absurd: a task of three durable steps, each step's result recorded.

Two asynchronous processes, concurrency and batch 20, poll 20 ms.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import psycopg
from absurd_sdk import AsyncAbsurd
from absurdctl import BUNDLED_SCHEMA_SQL
from race import race, ready, report

_QUEUE = "chain"


async def _noop() -> int:
    return 1


async def _work(url: str) -> None:
    app = AsyncAbsurd(url, queue_name=_QUEUE)

    @app.register_task("chain")
    async def chain(params: Any, context: Any) -> int:  # noqa: ANN401  # the peer's own types
        del params
        for number in range(3):
            await context.step(f"step-{number}", _noop)
        return 3

    assert chain
    ready()
    await app.start_worker(concurrency=20, batch_size=20, poll_interval=0.02)


async def _spawn(url: str, count: int) -> None:
    app = AsyncAbsurd(url, queue_name=_QUEUE)
    await app.create_queue()
    for number in range(count):
        await app.spawn("chain", {"account": f"acc-{number}"}, queue=_QUEUE)
    await app.close()


def main() -> None:
    """Spawn the tasks and race the workers."""
    mode, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if mode == "work":
        asyncio.run(_work(url))
        return
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(BUNDLED_SCHEMA_SQL)
        asyncio.run(_spawn(url, count))

        def done() -> bool:
            row = session.execute(
                f"select count(*) from absurd.t_{_QUEUE} where state = 'completed'"
            ).fetchone()
            return row is not None and row[0] >= count

        report(3 * count, race([sys.executable, __file__, "work", url, "0"], 2, done))


main()
