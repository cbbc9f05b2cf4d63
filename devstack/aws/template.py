"""The parts of `template.yaml` that the local stack runs: functions, triggers and resources."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.aws.cloudformation import UNKNOWN, Values, read_document

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
LAMBDA_TIMEOUT = 3
LAMBDA_MEMORY = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of the HTTP API. `path` may end in a greedy parameter such as `/v1/{proxy+}`."""

    method: str
    path: str
    authorized: bool  # behind the JWT authorizer
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A rule that fires at a fixed interval in seconds."""

    seconds: int
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSource:
    """An event source mapping from a queue."""

    queue: str  # logical id
    function: str
    batch_size: int
    window_seconds: int
    concurrency: int
    partial_failures: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """A function as deployed. `environment` lacks values that only a deployment knows."""

    name: str  # the name of its folder
    logical_id: str
    code: Path
    handler: str
    timeout: int  # seconds
    memory: int  # MB
    environment: Mapping[str, str]
    layers: tuple[str, ...]  # logical ids
    concurrency: int | None  # reserved


class Template:
    """The template, resolved with the values of this machine."""

    def __init__(self, path: Path, known: Mapping[str, Any]) -> None:
        """Read the template. `known` has the values that `Values` takes."""
        document = read_document(path)
        self._root = path.resolve().parent
        self._resources: dict[str, Any] = document["Resources"]
        self._values = Values(document, known)
        self._globals: dict[str, Any] = document.get("Globals", {}).get("Function", {})
        self.functions = {
            spec.name: spec
            for logical_id in self._of_type("AWS::Serverless::Function")
            for spec in [self._function(logical_id)]
        }

    def layer(self, logical_id: str) -> Path:
        """Return the folder of a layer's content."""
        return self._root / str(self._properties(logical_id)["ContentUri"])

    def routes(self) -> list[Route]:
        """Return every route of the HTTP API."""
        found = []
        for function, event in self._events("HttpApi"):
            default = self._default_authorizer(event)
            authorizer = event.get("Auth", {}).get("Authorizer", default)
            authorized = authorizer not in (None, "NONE")
            found.append(
                Route(
                    method=str(event["Method"]).upper(),
                    path=str(event["Path"]),
                    authorized=authorized,
                    function=function,
                )
            )
        return found

    def schedules(self) -> list[Schedule]:
        """Return every enabled rule. Raises `ValueError` for a schedule that is not a rate."""
        found = []
        for function, event in [*self._events("Schedule"), *self._events("ScheduleV2")]:
            if event.get("State", "ENABLED") != "ENABLED" or event.get("Enabled") is False:
                continue
            expression = str(event.get("Schedule") or event.get("ScheduleExpression"))
            rate = _RATE.fullmatch(expression)
            if rate is None:
                raise ValueError(f"The local stack supports rates only, not {expression!r}")
            found.append(Schedule(seconds=int(rate[1]) * _UNIT_SECONDS[rate[2]], function=function))
        return found

    def queue_sources(self) -> list[QueueSource]:
        """Return every event source mapping from a queue to a function."""
        found = []
        for logical_id in self._of_type("AWS::Serverless::Function"):
            name = Path(str(self._properties(logical_id)["CodeUri"])).name
            for event in self._raw_events(logical_id, "SQS"):
                resolved = self._values.of(event)
                found.append(
                    QueueSource(
                        queue=str(event["Queue"]["Fn::GetAtt"][0]),
                        function=name,
                        batch_size=int(resolved.get("BatchSize", 10)),
                        window_seconds=int(resolved.get("MaximumBatchingWindowInSeconds", 0)),
                        concurrency=int(
                            resolved.get("ScalingConfig", {}).get("MaximumConcurrency", 1000)
                        ),
                        partial_failures="ReportBatchItemFailures"
                        in resolved.get("FunctionResponseTypes", []),
                    )
                )
        return found

    def queues(self) -> dict[str, dict[str, str]]:
        """Return each queue's attributes in SQS's form, dead-letter queues first."""
        names = self._of_type("AWS::SQS::Queue")
        resolved = {name: self._properties(name) for name in names}
        attributes = {
            name: {key: _attribute(value) for key, value in properties.items()}
            for name, properties in resolved.items()
        }
        return dict(sorted(attributes.items(), key=lambda item: "RedrivePolicy" in item[1]))

    def buckets(self) -> dict[str, dict[str, Any]]:
        """Return each bucket's properties by logical id."""
        return {name: self._properties(name) for name in self._of_type("AWS::S3::Bucket")}

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return each table's properties by logical id."""
        return {name: self._properties(name) for name in self._of_type("AWS::DynamoDB::Table")}

    def secrets(self) -> list[str]:
        """Return the logical id of each secret."""
        return self._of_type("AWS::SecretsManager::Secret")

    def _of_type(self, kind: str) -> list[str]:
        return [
            name
            for name, resource in self._resources.items()
            if resource["Type"] == kind
            and (
                "Condition" not in resource or self._values.condition(resource["Condition"]) is True
            )
        ]

    def _properties(self, logical_id: str) -> dict[str, Any]:
        properties: dict[str, Any] = self._values.of(
            self._resources[logical_id].get("Properties", {})
        )
        return properties

    def _function(self, logical_id: str) -> FunctionSpec:
        own = self._properties(logical_id)
        shared = self._values.of(self._globals)
        variables = {
            **shared.get("Environment", {}).get("Variables", {}),
            **own.get("Environment", {}).get("Variables", {}),
        }
        raw_layers = [
            *self._globals.get("Layers", []),
            *self._resources[logical_id]["Properties"].get("Layers", []),
        ]
        code = self._root / str(own["CodeUri"])
        return FunctionSpec(
            name=code.name,
            logical_id=logical_id,
            code=code,
            handler=str(own.get("Handler", shared.get("Handler"))),
            timeout=int(own.get("Timeout", shared.get("Timeout", LAMBDA_TIMEOUT))),
            memory=int(own.get("MemorySize", shared.get("MemorySize", LAMBDA_MEMORY))),
            environment={
                name: str(value) for name, value in variables.items() if value is not UNKNOWN
            },
            layers=tuple(str(layer["Ref"]) for layer in raw_layers if "Ref" in layer),
            concurrency=own.get("ReservedConcurrentExecutions"),
        )

    def _raw_events(self, logical_id: str, kind: str) -> list[dict[str, Any]]:
        events = self._resources[logical_id]["Properties"].get("Events", {})
        return [event.get("Properties", {}) for event in events.values() if event["Type"] == kind]

    def _events(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        return [
            (Path(str(self._properties(logical_id)["CodeUri"])).name, self._values.of(event))
            for logical_id in self._of_type("AWS::Serverless::Function")
            for event in self._raw_events(logical_id, kind)
        ]

    def _default_authorizer(self, event: Mapping[str, Any]) -> str | None:
        apis = self._of_type("AWS::Serverless::HttpApi")
        auth = self._properties(apis[0]).get("Auth", {}) if apis and "ApiId" in event else {}
        default = auth.get("DefaultAuthorizer")
        return None if default is None else str(default)


def _attribute(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
