#!/usr/bin/env bash
# DBOS: a workflow that is cancelled in its sleep and resumed before the sleep's end runs twice.
#
# One would expect: cancel_workflow ends the execution, at its next durable call at the latest;
# resume_workflow begins one other. After it each step runs once.
# What happens: the cancelled execution goes on sleeping in its thread. resume_workflow starts a
# second one, which sleeps until the same instant. Both wake up together and both run the step
# behind the sleep: its effect is done twice. Without the resume the cancelled execution does
# nothing more.
# Versions: dbos 3.4.0 on SQLite, one process, defaults.
# Why it matters: pause and resume built on cancel and resume doubles the effect that follows a
# wait, in the very case that pause is for. The effect needs an idempotency key of its own at the
# service that carries it out.
# Seen on 2026-12-01:
#   untouched: effect done 1 times, status SUCCESS
#   cancelled: effect done 0 times, status CANCELLED
#   resumed: effect done 2 times, status SUCCESS
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install dbos==3.4.0

cat >"$work/check.py" <<'PYTHON'
import logging
import sys
import time
from importlib.metadata import version

from dbos import DBOS

DBOS(config={
    "name": "pause-and-resume",
    "system_database_url": f"sqlite:///{sys.argv[1]}/state.sqlite",
    "run_admin_server": False,
    "log_level": "CRITICAL",
})
effects = []


@DBOS.step()
def pay(name):
    effects.append(name)
    time.sleep(0.5)


@DBOS.workflow()
def wait_and_pay(name):
    DBOS.sleep(4)
    pay(name)


DBOS.launch()
logging.disable(logging.CRITICAL)
print("dbos", version("dbos"))
cancelled = DBOS.start_workflow(wait_and_pay, "cancelled")
resumed = DBOS.start_workflow(wait_and_pay, "resumed")
untouched = DBOS.start_workflow(wait_and_pay, "untouched")
time.sleep(1)
for handle in (cancelled, resumed):
    DBOS.cancel_workflow(handle.workflow_id)
time.sleep(1)
DBOS.resume_workflow(resumed.workflow_id)
time.sleep(5)
found = []
for name, handle in {
    "untouched": untouched, "cancelled": cancelled, "resumed": resumed
}.items():
    state = handle.get_status().status
    print(f"{name}: effect done {effects.count(name)} times, status {state}")
    found.append((effects.count(name), state))
DBOS.destroy()
if found != [(1, "SUCCESS"), (0, "CANCELLED"), (2, "SUCCESS")]:
    sys.exit(f"changed: {found}")
print("as found: cancelled and resumed within its sleep, a workflow did its effect twice")
PYTHON
python "$work/check.py" "$work"
