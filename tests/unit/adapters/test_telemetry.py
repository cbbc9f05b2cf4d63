"""Logs and metrics as CloudWatch gets them."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from flamebot.adapters.telemetry.powertools import PowertoolsTelemetry

_numbers = itertools.count(1)


@pytest.fixture
def telemetry(capsys: pytest.CaptureFixture[str]) -> PowertoolsTelemetry:
    """Telemetry of a function of the test's own: loggers live as long as the process."""
    return PowertoolsTelemetry(f"function-{next(_numbers)}")


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What went to standard output, line by line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def dimensions(blob: dict[str, Any]) -> list[list[str]]:
    """Return the dimension sets of an EMF blob."""
    sets: list[list[str]] = blob["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    return sets


def test_a_counter_is_one_value(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts are summed until the flush, which writes each once, zero counts too."""
    for _ in range(250):
        telemetry.count("TasksSent")
    telemetry.count("LeasesExpired", 0)
    telemetry.flush()
    (blob,) = written(capsys)
    assert (blob["TasksSent"], blob["LeasesExpired"]) == ([250.0], [0.0])
    assert blob["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Flamebot"
    assert dimensions(blob) == [["service"]]
    telemetry.flush()
    assert written(capsys) == []


def test_an_action_is_a_second_dimension_set(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """What names an action counts for the service as a whole and for that action."""
    telemetry.count("StepsCompleted", action="add_bio")
    telemetry.count("StepsCompleted", 2, action="add_prompt")
    telemetry.seconds("StepDuration", 1.5, action="add_bio")
    telemetry.flush()
    bio, prompt = written(capsys)
    assert dimensions(bio) == dimensions(prompt) == [["service"], ["service", "action"]]
    assert (bio["action"], bio["StepsCompleted"], bio["StepDuration"]) == ("add_bio", [1.0], [1.5])
    assert (prompt["action"], prompt["StepsCompleted"]) == ("add_prompt", [2.0])


@pytest.mark.parametrize(
    ("count", "fewer"), [(1, 0), (99, 99), (100, 100), (100, 99), (250, 250), (250, 3)]
)
def test_every_duration_is_written_once(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str], count: int, fewer: int
) -> None:
    """Durations keep their values, however many: CloudWatch makes percentiles of them.

    One metric may have many, another few.
    """
    for value in range(count):
        telemetry.seconds("DueLateness", value)
    for value in range(fewer):
        telemetry.seconds("StepDuration", value)
    telemetry.count("StepsCompleted", count)
    telemetry.flush()
    blobs = written(capsys)
    for name, values in (("DueLateness", count), ("StepDuration", fewer)):
        assert sorted(value for blob in blobs for value in blob.get(name, [])) == list(
            range(values)
        )
    assert sum(blob.get("StepsCompleted", [0])[0] for blob in blobs) == count
    units = {
        m["Name"]: m["Unit"]
        for blob in blobs
        for m in blob["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert units == {
        "DueLateness": "Seconds",
        **({"StepDuration": "Seconds"} if fewer else {}),
        "StepsCompleted": "Count",
    }


def test_threads_lose_no_count(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts from many threads all arrive, also during a flush."""

    def work() -> None:
        for _ in range(1000):
            telemetry.count("StepsRetried", action="add_bio")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    telemetry.flush()
    for thread in threads:
        thread.join()
    telemetry.flush()
    assert sum(blob["StepsRetried"][0] for blob in written(capsys)) == 4000


def test_ids_are_on_the_line(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log line is JSON with its event, level, service and fields; a field may have any name."""
    telemetry.info("task_begun", instance_id="i-1", task_id="i-1:4", attempt=1, fence=9)
    telemetry.warn("odd_names", name="n", message="m", args=[1], level="l", service="s", created=5)
    begun, odd = written(capsys)
    assert (begun["message"], begun["level"], begun["instance_id"], begun["fence"]) == (
        "task_begun",
        "INFO",
        "i-1",
        9,
    )
    assert begun["service"].startswith("function-")
    assert "test_telemetry" in begun["location"] or "test_ids" in begun["location"]
    assert (odd["message"], odd["level"], odd["name_"], odd["service_"]) == (
        "odd_names",
        "WARNING",
        "n",
        "s",
    )


@dataclass
class Context:
    """The context that Lambda passes to a handler."""

    aws_request_id: str = "req-1"


def test_an_invocation_ends_with_its_metrics(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """Within an invocation each line has the request id, and metrics are written at its end."""
    with telemetry.invocation(Context()):
        telemetry.info("inside")
        telemetry.count("TickHeartbeat")
    telemetry.info("outside")
    inside, metrics, outside = written(capsys)
    assert inside["function_request_id"] == "req-1"
    assert metrics["TickHeartbeat"] == [1.0]
    assert "function_request_id" not in outside


def test_an_exception_is_logged_by_its_type_alone(
    telemetry: PowertoolsTelemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed invocation writes its metrics and the exception's type, never its text (I10)."""

    def handler() -> None:
        with telemetry.invocation(Context()):
            telemetry.count("TickHeartbeat")
            raise ValueError("planted-credential")

    with pytest.raises(ValueError, match="planted"):
        handler()
    line, metrics = written(capsys)
    assert (line["message"], line["error_type"], line["level"]) == (
        "invocation_failed",
        "ValueError",
        "ERROR",
    )
    assert metrics["TickHeartbeat"] == [1.0]
    assert "planted" not in json.dumps([line, metrics])
