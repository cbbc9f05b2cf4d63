#!/usr/bin/env bash
# DBOS: each restart of the process during one sleep uses up a recovery attempt of the sleeper.
#
# One would expect: max_recovery_attempts is for workflows that take their process down. One that
# sleeps, in a process that is deployed anew a few times meanwhile, sleeps until its time.
# What happens: each launch recovers every pending workflow and counts an attempt. With
# max_recovery_attempts=3 the fourth restart within one sleep ends the workflow in
# MAX_RECOVERY_ATTEMPTS_EXCEEDED; the effect behind the sleep is never done. The default is 100: a
# wait of a month bears three restarts a day. Under another application version the count stays,
# because the workflow is not recovered at all: it stays PENDING beyond the end of its sleep.
# Versions: dbos 3.4.0 on SQLite, one process at a time.
# Why it matters: long waits are what durable workflows are for, and their number of restarts is
# not theirs. The limit meant for crash loops fails healthy work.
# Seen on 2026-12-01:
#   start: PENDING, attempts 1
#   restart 1: PENDING, attempts 2
#   restart 2: PENDING, attempts 3
#   restart 3: PENDING, attempts 4
#   restart 4: MAX_RECOVERY_ATTEMPTS_EXCEEDED, attempts 5
#   another version, after the sleep: PENDING, attempts 1
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install dbos==3.4.0

cat >"$work/process.py" <<'PYTHON'
import os
import sys
import time
from importlib.metadata import version

from dbos import DBOS, SetWorkflowID

state, application_version, name, seconds = sys.argv[1:5]
DBOS(config={
    "name": "sleepers",
    "system_database_url": f"sqlite:///{state}",
    "application_version": application_version,
    "run_admin_server": False,
    "log_level": "CRITICAL",
})


@DBOS.workflow(max_recovery_attempts=3)
def wait_long(seconds):
    DBOS.sleep(seconds)


DBOS.launch()
if name == "start":
    print("dbos", version("dbos"))
    with SetWorkflowID("sleeper"):
        DBOS.start_workflow(wait_long, float(seconds))
    time.sleep(1)
else:
    time.sleep(float(seconds))
found = DBOS.retrieve_workflow("sleeper").get_status()
print(f"{name}: {found.status}, attempts {found.recovery_attempts}", flush=True)
os._exit(0)  # the deployment
PYTHON
{
    python "$work/process.py" "$work/one.sqlite" v1 start 600
    for number in 1 2 3 4; do
        python "$work/process.py" "$work/one.sqlite" v1 "restart $number" 3
    done
    python "$work/process.py" "$work/two.sqlite" v1 start 4 >/dev/null
    python "$work/process.py" "$work/two.sqlite" v2 "another version, after the sleep" 6
} 2>"$work/log" | tee "$work/seen"
if ! grep -q "^restart 3: PENDING" "$work/seen" ||
    ! grep -q "^restart 4: MAX_RECOVERY_ATTEMPTS_EXCEEDED" "$work/seen" ||
    ! grep -q "^another version, after the sleep: PENDING" "$work/seen"; then
    echo "changed: see above"
    exit 1
fi
echo "as found: restarts during its sleep ended a workflow; one of an older version never woke up"
