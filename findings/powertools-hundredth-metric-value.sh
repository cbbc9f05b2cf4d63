#!/usr/bin/env bash
# Powertools: an invocation that records exactly 100 values of one metric fails after its work.
#
# One would expect: raise_on_empty_metrics=True raises when a handler recorded nothing, and metrics
# that belong together are written together at the end of the handler.
# What happens: the moment one metric has its 100th value, add_metric prints all metrics gathered so
# far and forgets them. With exactly 100 values nothing is left at the end, and log_metrics raises
# SchemaValidationError, after the handler has returned. With 101 values one log line is written in
# the middle of the work and one at its end.
# Versions: aws-lambda-powertools 3.37.0.
# Why it matters: a function that handles a full batch of 100 tasks is the one that fails, and SQS
# sends all of its messages again. Record fewer values per write, or write the rest by hand.
# Seen on 2026-12-01:
#   99 values: handler returned, 1 line written with 99 values in all
#   100 values: SchemaValidationError, 1 line written with 100 values in all
#   101 values: handler returned, 2 lines written with 101 values in all
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install aws-lambda-powertools==3.37.0

python - <<'PYTHON'
import contextlib
import io
import json
import sys
from importlib.metadata import version

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

print("aws-lambda-powertools", version("aws-lambda-powertools"))


def invoke(count):
    metrics = EphemeralMetrics(namespace="Engine", service="step")
    worked = []

    @metrics.log_metrics(raise_on_empty_metrics=True)
    def handler(event, context):
        for value in range(count):
            metrics.add_metric(name="Lateness", unit=MetricUnit.Seconds, value=value)
        worked.append(count)

    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        try:
            handler({}, None)
            end = "handler returned"
        except Exception as error:
            end = type(error).__name__
    assert worked == [count], "the handler's own work was done"
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    values = sum(len(line["Lateness"]) for line in lines)
    print(f"{count} values: {end}, {len(lines)} line{'s' if len(lines) > 1 else ''} written"
          f" with {values} values in all")
    return end, len(lines), values


found = [invoke(count) for count in (99, 100, 101)]
expected = [
    ("handler returned", 1, 99),
    ("SchemaValidationError", 1, 100),
    ("handler returned", 2, 101),
]
if found != expected:
    sys.exit(f"changed: {found}")
print("as found: exactly 100 values of one metric fail the invocation after its work")
PYTHON
