"""The dashboard shows exactly the emitted metrics, and alarms watch the important ones."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

# fmt: off
DOCUMENTED = {
    "TickHeartbeat", "TickDuration", "OldestDueAge", "DueBacklog", "TasksClaimed", "TasksSent",
    "LeasesExpired", "DueLateness", "StepsCompleted", "StepsFailed", "StepsRetried", "StepDuration",
    "TasksExhausted", "StaleCommits", "LockAcquired", "LockContended", "WorkflowsStarted",
    "WorkflowsCompleted", "WorkflowsFailed", "AccountsImported", "AccountsRejected", "AiTokens",
    "AiErrors", "VendorThrottled", "ImportsCompleted", "ImportsFailed", "ImportsStalled",
    "HealthChecksFailed", "ActionsServiceOpen", "AiServiceOpen",
}
# fmt: on
SERVICES = {"import_accounts", "import_file", "api", "tick", "step", "maintenance", "migrate"}


def _emitted(root: Path) -> set[str]:
    """Return the names in calls of `telemetry.count` and `telemetry.seconds`."""
    names: set[str] = set()
    for path in (root / "layers/engine/src/flamebot").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"count", "seconds"}
                and node.args
            ):
                constants = [
                    n.value
                    for n in ast.walk(node.args[0])
                    if isinstance(n, ast.Constant) and isinstance(n.value, str)
                ]
                names |= {
                    value for value in constants if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", value)
                }
    return names


def _dashboard(resources: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(
        resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    )
    return body


def _shown(resources: dict[str, Any]) -> set[str]:
    """Return the engine's metrics in the dashboard's searches."""
    names: set[str] = set()
    for widget in _dashboard(resources)["widgets"]:
        for metric in widget["properties"]["metrics"]:
            if isinstance(metric[0], dict):
                found = re.fullmatch(
                    r"SEARCH\('\{Flamebot,service(?:,action)?\} MetricName=(.+)',"
                    r" '[A-Za-z0-9]+', 60\)",
                    metric[0]["expression"],
                )
                assert found, metric
                names |= set(re.findall(r"\b[A-Z][a-zA-Z]{3,}\b", found[1]))
    return names


def _alarms(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: r["Properties"]
        for name, r in resources.items()
        if r["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_the_code_emits_what_the_contract_names(root: Path) -> None:
    """The engine emits exactly the documented metrics."""
    assert _emitted(root) == DOCUMENTED


def test_the_dashboard_shows_every_metric_that_is_emitted_and_no_other(
    root: Path, resources: dict[str, Any]
) -> None:
    """The dashboard shows every emitted metric and no other."""
    assert _shown(resources) == _emitted(root)


def test_every_alarm_watches_a_metric_that_exists(root: Path, resources: dict[str, Any]) -> None:
    """Every alarm is on a metric and a dimension that a function emits."""
    for name, alarm in _alarms(resources).items():
        if alarm["Namespace"] == "Flamebot":
            assert alarm["MetricName"] in _emitted(root), name
            (dimension,) = alarm["Dimensions"]
            assert dimension["Name"] == "service", name
            assert dimension["Value"] in SERVICES, name
        else:
            assert (alarm["Namespace"], alarm["MetricName"]) in {
                ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
                ("AWS/Lambda", "Errors"),
            }


def test_silence_is_an_alarm_for_the_tick(resources: dict[str, Any]) -> None:
    """A missing heartbeat raises the alarm: a tick that does not run emits nothing."""
    alarm = _alarms(resources)["DeadTickAlarm"]
    assert alarm["MetricName"] == "TickHeartbeat"
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["ComparisonOperator"] == "LessThanThreshold"


def test_a_failed_health_check_rings_and_so_does_its_silence(
    template: dict[str, Any], resources: dict[str, Any]
) -> None:
    """One failed urgent check raises an alarm, and two hours without a pass raise another one."""
    alarms = _alarms(resources)
    unhealthy, dead = alarms["UnhealthyAlarm"], alarms["DeadMaintenanceAlarm"]
    assert unhealthy["MetricName"] == dead["MetricName"] == "HealthChecksFailed"
    assert (
        unhealthy["Threshold"],
        unhealthy["ComparisonOperator"],
        unhealthy["TreatMissingData"],
    ) == (0, "GreaterThanThreshold", "ignore")
    assert (dead["Statistic"], dead["ComparisonOperator"], dead["TreatMissingData"]) == (
        "SampleCount",
        "LessThanThreshold",
        "breaching",
    )
    assert dead["Period"] >= 60 * int(template["Parameters"]["HealthCheckMinutes"]["MaxValue"])


def test_dead_letters_and_failing_steps_ring(resources: dict[str, Any]) -> None:
    """The first dead letter and exhausted steps raise alarms; every alarm reaches the topic."""
    alarms = _alarms(resources)
    dead = alarms["DeadLettersAlarm"]
    assert dead["Dimensions"][0]["Value"] == {"Fn::GetAtt": ["StepDeadLetterQueue", "QueueName"]}
    assert (dead["Threshold"], dead["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert alarms["FailingStepsAlarm"]["MetricName"] == "TasksExhausted"
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}], name
        assert len(alarm["AlarmDescription"]) > 80, f"{name} says what it means and where to look"


def test_the_dashboards_pieces_do_not_cover_each_other(resources: dict[str, Any]) -> None:
    """The widgets of the dashboard do not overlap."""
    taken: set[tuple[int, int]] = set()
    for widget in _dashboard(resources)["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken, widget["properties"]["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_every_log_is_kept_for_a_while_and_not_for_ever(resources: dict[str, Any]) -> None:
    """Every function has a log group with a retention: one made by Lambda keeps lines for ever."""
    groups = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::Logs::LogGroup"]
    assert len(groups) == len(SERVICES) + 1
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups)
