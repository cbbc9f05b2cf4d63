"""DBOS: a workflow of three durable steps through a queue.

Two processes, synchronous steps, worker concurrency 20, poll 50 ms.
"""

from __future__ import annotations

import sys
import time

import psycopg
from dbos import DBOS, DBOSClient, DBOSConfig
from race import race, ready, report

_VERSION = "bench"


def _define() -> None:
    @DBOS.step()
    def noop(number: int) -> int:
        return number

    @DBOS.workflow()
    def chain(account: str) -> int:
        del account
        return sum(noop(number) for number in range(3))

    assert chain


def _config(url: str) -> DBOSConfig:
    return {
        "name": "bench",
        "system_database_url": url,
        "application_version": _VERSION,
        "run_admin_server": False,
        "log_level": "ERROR",
    }


def main() -> None:
    """Queue the workflows and race the workers."""
    mode, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    _define()
    if mode == "work":
        DBOS(config=_config(url))
        ready()
        DBOS.launch()
        while True:
            time.sleep(60)
    DBOS(config=_config(url))
    DBOS.launch()  # makes the tables
    DBOS.register_queue("chain", worker_concurrency=20, polling_interval_sec=0.05)
    DBOS.destroy()
    client = DBOSClient(system_database_url=url)
    for number in range(count):
        client.enqueue(
            {
                "workflow_name": "_define.<locals>.chain",
                "queue_name": "chain",
                "app_version": _VERSION,
            },
            f"acc-{number}",
        )
    with psycopg.connect(url, autocommit=True) as session:

        def done() -> bool:
            row = session.execute(
                "select count(*) from dbos.workflow_status where status = 'SUCCESS'"
            ).fetchone()
            return row is not None and row[0] >= count

        report(3 * count, race([sys.executable, __file__, "work", url, "0"], 2, done))


main()
