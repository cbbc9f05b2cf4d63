"""Log lines, held against those of Powertools' own formatter."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from functools import partial

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from hypothesis import example, given
from hypothesis import strategies as st

from flamebot.adapters.telemetry.log_lines import LogLines, fielded

NAMES = (
    st.sampled_from(
        [
            "task",
            "step",
            "error",
            "name",
            "message",
            "args",
            "service",
            "exception",
            "function_request_id",
        ]
    )
    | st.text()
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.builds(ValueError, st.text())
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


def record(level: int, second: float) -> logging.LogRecord:
    """What a logger makes of a call, at a time of the test's choice."""
    made = logging.LogRecord(
        "step", level, "/var/task/execute.py", 166, "task_ran", None, None, "_tell"
    )
    made.created, made.msecs = second, float(int((second - int(second)) * 1000))
    return made


@example(
    {
        "error": None,
        "cause": ValueError("no"),
        "where": "\u2028 Zürich \x9b",
        "at": datetime(2026, 11, 24, tzinfo=UTC),
        "in": {"a": [None]},
    },
    0.0,
)
@given(st.dictionaries(NAMES, VALUES, max_size=12), st.floats(min_value=0, max_value=4e9))
def test_a_line_is_what_powertools_would_write(fields: dict[str, object], second: float) -> None:
    """The same members in the same order, whatever the fields are called and hold."""
    theirs = LambdaPowertoolsFormatter(
        json_serializer=partial(json.dumps, default=str, separators=(",", ":"))
    )
    ours = LogLines()
    for formatter in (theirs, ours):
        formatter.append_keys(service="step", sampling_rate=None)
        formatter.append_keys(function_request_id="req-1")
    flat, whole = record(logging.WARNING, second), record(logging.WARNING, second)
    flat.__dict__.update(fielded(fields)["fields"])  # type: ignore[call-overload]  # a dict by what fielded() says
    whole.__dict__.update(fielded(fields))
    assert ours.format(whole) == theirs.format(flat)


def test_a_line_names_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where X-Ray traces an invocation, each of its lines says in which trace."""
    monkeypatch.setenv(
        "_X_AMZN_TRACE_ID",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    )
    assert (
        json.loads(LogLines().format(record(logging.INFO, 0.0)))["xray_trace_id"]
        == "1-5759e988-bd862e3fe1be46a994272793"
    )
