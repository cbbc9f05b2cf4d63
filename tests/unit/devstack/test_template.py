"""The local stack reads functions, triggers, queues and tables from the template."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devstack.aws.template import Route, Schedule, Template
from devstack.child import ROOT

KNOWN = {
    "StepQueue": "http://queue",
    "ImportQueue.Arn": "arn:imports",
    "ImportDeadLetterQueue.Arn": "arn:dead-imports",
    "ImportBucket.Arn": "arn:bucket",
    "StepQueue.Arn": "arn:queue",
    "StepDeadLetterQueue.Arn": "arn:dead",
    "LockTable": "locks",
    "CredentialsKey.Arn": "arn:key",
    "ActionsTokenSecret": "ActionsTokenSecret",
}


@pytest.fixture(scope="module")
def template() -> Template:
    """The template of this repository."""
    return Template(ROOT / "template.yaml", KNOWN)


def test_every_function_is_there(template: Template) -> None:
    """Each function has its folder, a handler that is a file in it, and a time limit."""
    assert set(template.functions) == {
        "import_accounts",
        "import_file",
        "api",
        "tick",
        "step",
        "maintenance",
        "migrate",
    }
    for spec in template.functions.values():
        assert (spec.code / f"{spec.handler.partition('.')[0]}.py").is_file()
        assert 0 < spec.timeout <= 900


def test_the_environment_is_resolved(template: Template) -> None:
    """References become what they are here; what only a deployment knows is left out."""
    step = template.functions["step"].environment
    assert (step["STEP_QUEUE_URL"], step["LOCK_TABLE"], step["DB_USER"]) == (
        "http://queue",
        "locks",
        "flamebot_step",
    )
    assert "DB_HOST" not in step
    assert all("{" not in value for value in step.values())


def test_globals_and_own_settings_are_merged(template: Template) -> None:
    """A function's own setting overrides the global one, and its layers are added."""
    assert template.functions["step"].timeout == 60
    assert template.functions["api"].timeout == 29
    assert template.functions["migrate"].layers[0] == "EngineLayer"
    assert len(template.functions["migrate"].layers) > 1


def test_routes(template: Template) -> None:
    """The import has its own route, open routes are open, the rest needs the authorizer."""
    routes = template.routes()
    assert (
        Route(
            method="POST", path="/v1/accounts/import", authorized=True, function="import_accounts"
        )
        in routes
    )
    assert Route(method="GET", path="/health", authorized=False, function="api") in routes
    assert all(route.authorized for route in routes if route.path.startswith("/v1/"))


def test_schedules(template: Template) -> None:
    """Tick runs each minute, maintenance with the period of its parameter."""
    assert template.schedules() == [
        Schedule(seconds=60, function="tick"),
        Schedule(seconds=300, function="maintenance"),
    ]
    other = Template(ROOT / "template.yaml", {**KNOWN, "HealthCheckMinutes": "1"})
    assert Schedule(seconds=60, function="maintenance") in other.schedules()
    stopped = Template(ROOT / "template.yaml", {**KNOWN, "ScheduleState": "DISABLED"})
    assert stopped.schedules() == []


def test_the_queue_source(template: Template) -> None:
    """Batch size, concurrency and partial failures are the mapping's."""
    source, wake_ups = sorted(template.queue_sources(), key=lambda one: one.queue, reverse=True)
    assert (wake_ups.queue, wake_ups.function, wake_ups.batch_size, wake_ups.partial_failures) == (
        "ImportQueue",
        "import_file",
        1,
        True,
    )
    assert (source.queue, source.function, source.batch_size, source.window_seconds) == (
        "StepQueue",
        "step",
        2,
        0,
    )
    assert source.partial_failures
    assert source.concurrency == 2


def test_queues_come_in_an_order_that_can_be_made(template: Template) -> None:
    """The dead-letter queue is made before the queue that falls back on it.

    Attributes are texts.
    """
    queues = template.queues()
    assert list(queues) == [
        "StepDeadLetterQueue",
        "ImportDeadLetterQueue",
        "StepQueue",
        "ImportQueue",
    ]
    assert json.loads(queues["StepQueue"]["RedrivePolicy"]) == {
        "deadLetterTargetArn": "arn:dead",
        "maxReceiveCount": 5,
    }
    assert queues["StepQueue"]["VisibilityTimeout"] == "360"


def test_the_bucket_tells_the_queue(template: Template) -> None:
    """An upload is an event on this machine too."""
    (queue,) = template.buckets()["ImportBucket"]["NotificationConfiguration"][
        "QueueConfigurations"
    ]
    assert (queue["Queue"], queue["Event"]) == ("arn:imports", "s3:ObjectCreated:*")


def test_an_unknown_schedule_is_refused(tmp_path: Path) -> None:
    """A schedule that this stack could not keep is refused, not ignored."""
    (tmp_path / "template.yaml").write_text("""
Resources:
  Nightly:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: nightly/
      Handler: app.handler
      Events:
        Night: {Type: Schedule, Properties: {Schedule: cron(0 3 * * ? *)}}
""")
    template = Template(tmp_path / "template.yaml", {})
    with pytest.raises(ValueError, match="cron"):
        template.schedules()
    assert template.functions["nightly"].timeout == 3
