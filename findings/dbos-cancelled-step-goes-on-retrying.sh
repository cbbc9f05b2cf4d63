#!/usr/bin/env bash
# DBOS: a step of a cancelled workflow goes on with its retries, and what comes of them is dropped.
#
# One would expect: cancel_workflow takes effect between two attempts of a step: a step that waits for
# its next attempt does not begin it.
# What happens: the step makes all attempts that it may still make, with their backoff, while the
# workflow is CANCELLED. Here the sixth one succeeds, seconds after the cancel; its result is not
# recorded. A resume begins the step anew, as a seventh attempt of six. With ten attempts
# and the default intervals a cancelled step goes on for more than eight minutes.
# Versions: dbos 3.4.0 on SQLite, one process.
# Why it matters: a workflow whose service is failing is the one that an operator cancels, and it goes
# on with its requests. A stop has to be read before each attempt.
# Seen on 2026-12-01:
#   cancelled after 2 attempts
#   6 attempts were made, status CANCELLED, 0 steps recorded
#   after a resume: 7 attempts, status SUCCESS
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install dbos==3.4.0

cat >"$work/check.py" <<'PYTHON'
import logging
import os
import sys
import time
from importlib.metadata import version

from dbos import DBOS

DBOS(config={
    "name": "cancel-and-retries",
    "system_database_url": f"sqlite:///{sys.argv[1]}/state.sqlite",
    "run_admin_server": False,
    "log_level": "CRITICAL",
})
attempts = []


@DBOS.step(retries_allowed=True, max_attempts=6, interval_seconds=0.5, backoff_rate=1.5)
def busy_five_times():
    attempts.append(time.monotonic())
    if len(attempts) < 6:
        raise RuntimeError


@DBOS.workflow()
def ask():
    busy_five_times()


DBOS.launch()
logging.disable(logging.CRITICAL)
print("dbos", version("dbos"))
handle = DBOS.start_workflow(ask)
while len(attempts) < 2:
    time.sleep(0.02)
DBOS.cancel_workflow(handle.workflow_id)
before = len(attempts)
print(f"cancelled after {before} attempts")
time.sleep(12)
made, state = len(attempts), handle.get_status().status
recorded = len(DBOS.list_workflow_steps(handle.workflow_id))
print(f"{made} attempts were made, status {state}, {recorded} steps recorded")
DBOS.resume_workflow(handle.workflow_id)
time.sleep(4)
found = (made, state, recorded, len(attempts), handle.get_status().status)
print(f"after a resume: {found[3]} attempts, status {found[4]}")
sys.stdout.flush()
if found != (6, "CANCELLED", 0, 7, "SUCCESS"):
    print(f"changed: {found}", flush=True)
    os._exit(1)
print("as found: four attempts followed the cancel, and a resume made one more", flush=True)
os._exit(0)
PYTHON
python "$work/check.py" "$work"
