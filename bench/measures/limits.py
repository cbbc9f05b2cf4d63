"""The limits of this Postgres on this machine, measured in the same run.

They are single-row updates, COPY and a bare claim.
"""

from __future__ import annotations

import io
import os
import re
import statistics
import subprocess
import tempfile
import time

from bench.database import Session, fresh
from bench.figures import Figure, figure
from bench.run import Run
from devstack.cluster import binaries

CLIENTS = (1, 8, 16, 32)
_ROWS = 100_000
_COPY_ROWS = 200_000
_BARE_ROWS = 1_000_000
BARE_CLAIM = """
with due as materialized (
    select task_id from bare_tasks where status = 'pending' and scheduled_for < now()
     order by scheduled_for, task_id limit %s for update skip locked)
update bare_tasks t set status = 'queued', fence = t.fence + 1,
       lease_expires_at = now() + interval '90 s'
  from due where t.task_id = due.task_id
returning t.task_id, t.fence
"""


def measure(run: Run) -> list[Figure]:
    """Measure the limits; the other figures are ratios to them."""
    with fresh(run.server, migrated=False) as url:
        session = Session(url)
        rates = _updates(session, url, run.seconds(7))
        copied = _copy(session)
        fill_bare(session, _BARE_ROWS)
        claimed = 10_000 / statistics.median(bare_claim(session) for _ in range(5))
        session.close()
    run.remember("update_tps_peak", max(rates.values()))
    return [
        *(figure(f"update_tps_{clients}", rate, "1/s") for clients, rate in rates.items()),
        figure("update_tps_peak", max(rates.values()), "1/s"),
        figure("copy_rows_per_second", copied, "1/s"),
        figure(
            "bare_claim_rows_per_second",
            claimed,
            "1/s",
            "1,000 rows per statement, a million in the table",
        ),
    ]


def _updates(session: Session, url: str, seconds: int) -> dict[int, float]:
    session.rows(
        "create table counters (id int primary key, value int not null) with (fillfactor = 70)"
    )
    session.rows(f"insert into counters select n, 0 from generate_series(1, {_ROWS}) n")
    session.rows("vacuum analyze counters")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(
            f"\\set id random(1, {_ROWS})\nupdate counters set value = value + 1 where id = :id;\n"
        )
        script.flush()
        return {clients: _pgbench(url, script.name, clients, seconds) for clients in CLIENTS}


def _pgbench(url: str, script: str, clients: int, seconds: int) -> float:
    command = [
        str(binaries() / "pgbench"),
        "-n",
        "-M",
        "prepared",
        "-f",
        script,
        "-c",
        str(clients),
        "-j",
        "2",
        "-T",
        str(seconds),
        url,
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def _copy(session: Session) -> float:
    """Copy rows of ten columns that were formatted beforehand."""
    session.rows(
        "create table copied (a text, b text, c text, d int, e int, f bigint, g timestamptz,"
        " h timestamptz, i jsonb, j bool)"
    )
    line = (
        "account-{0}\tmodel-1\tchannel-1\t{0}\t7\t123456789\t2026-01-01 00:00:00Z"
        '\t2026-01-02 00:00:00Z\t{{"a": 1}}\tt\n'
    )
    text = io.StringIO("".join(line.format(number) for number in range(_COPY_ROWS)))
    begun = time.perf_counter()
    with session.connection.cursor() as cursor:
        cursor.copy_expert("copy copied from stdin", text)
    return _COPY_ROWS / (time.perf_counter() - begun)


def fill_bare(session: Session, rows: int) -> None:
    """Fill a table with the claim's columns, its key and its one index, all of it due."""
    session.rows(
        'create table bare_tasks (task_id text collate "C" primary key, instance_id uuid,'
        " account_id text, step_id text, action text, scheduled_for timestamptz not null,"
        " status text not null, fence bigint not null default 0, lease_expires_at timestamptz,"
        " payload jsonb)"
        " with (fillfactor = 70)"
    )
    session.rows(
        "insert into bare_tasks"
        " select i || ':1', i, 'acc-' || n, 'swipe', 'swipe_with_spectre',"
        " now() - n * interval '1 ms', 'pending', 0, null, '{}'"
        f" from (select n, gen_random_uuid() as i from generate_series(1, {rows}) n) x"
    )
    session.rows(
        "create index bare_due on bare_tasks (scheduled_for, task_id) where status = 'pending'"
    )
    session.rows("vacuum analyze bare_tasks")


def bare_claim(session: Session, rows: int = 10_000, chunk: int = 1000) -> float:
    """Return the seconds that claiming so many rows takes, chunk by chunk."""
    begun = time.perf_counter()
    for _ in range(rows // chunk):
        assert len(session.rows(BARE_CLAIM, (chunk,))) == chunk
    return time.perf_counter() - begun
