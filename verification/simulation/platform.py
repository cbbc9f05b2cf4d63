"""The platform: invokes the real handlers in environments that it keeps, freezes and ends."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verification.simulation.environment import Context, Environment, timeout_of
from verification.simulation.queue import Message
from verification.simulation.scheduler import MINUTE, SECOND, Killed
from verification.simulation.threads import here

if TYPE_CHECKING:
    from verification.simulation.world import World

ROOT = Path(__file__).absolute().parents[2]
SCOPES = " ".join(
    f"flamebot/{scope}"
    for scope in ("read", "accounts.write", "workflows.write", "definitions.write", "admin")
)
Json = dict[str, Any]


@cache
def handler_of(function: str) -> Callable[[Any, Any], Any]:
    """Load the handler from `functions/<name>/app.py`."""
    spec = importlib.util.spec_from_file_location(
        f"{function}_app", ROOT / "functions" / function / "app.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Callable[[Any, Any], Any] = module.handler
    return handler


class Died:
    """The result of an invocation that ended in an error, a timeout or a death."""


class Platform:
    """Lambda, EventBridge, the API gateway and the poller of SQS."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._idle: dict[str, list[Environment]] = {}
        self._made = 0
        self.invocations = 0
        self._minutes = 0

    def invoke(self, function: str, event: Json, then: Callable[[Any], None]) -> None:
        """Start an invocation. `then` receives its result and must not wait."""
        world = self._world
        idle = self._idle.setdefault(function, [])
        idle[:] = [environment for environment in idle if environment.alive]
        if idle and world.rng.random() < 0.9:
            environment = idle.pop(world.rng.randrange(len(idle)))
        else:
            self._made += 1
            environment = Environment(world, function, self._made)
        self.invocations += 1
        number = self.invocations
        length = int(timeout_of(function).total_seconds() * SECOND)
        environment.ends_at = ends_at = world.scheduler.now + length

        def expire() -> None:
            if (
                not environment.alive
                or environment.ends_at != ends_at
                or environment not in world.at_work
            ):
                return
            if environment.frozen_until > world.scheduler.now:
                # A frozen process is not ended meanwhile. When it thaws it may continue for a
                # moment: that is the dangerous case.
                world.scheduler.at(
                    environment.frozen_until + world.rng.randint(1, 20 * SECOND), expire
                )
                return
            world.trace(f"{environment.name} is ended by the platform")
            world.rare("ended by the platform")
            world.scheduler.kill(environment)

        def body() -> None:
            outcome: Any = Died
            try:
                outcome = handler_of(function)(event, Context(environment, f"request-{number}"))
            except Killed:
                raise
            except Exception as error:
                world.trace(f"{environment.name} raised {type(error).__name__}: {error}")
                world.odd(f"{function} raised {type(error).__name__}", {})
            finally:
                world.at_work.discard(environment)
                if environment.alive:
                    self._idle[function].append(environment)
                then(outcome)

        world.at_work.add(environment)
        world.trace(f"{environment.name} is invoked")
        world.scheduler.at(ends_at, expire)
        world.scheduler.spawn(body, environment, environment.name)

    # Events

    def step(self, messages: list[Message]) -> None:
        """Invoke the step function with a batch, as the poller of SQS does."""
        records = [
            {
                "messageId": str(message.number),
                "receiptHandle": f"handle-{message.number}-{message.receives}",
                "body": message.body,
                "attributes": {"ApproximateReceiveCount": str(message.receives)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:StepQueue",
                "awsRegion": "eu-west-1",
            }
            for message in messages
        ]

        def then(outcome: Any) -> None:
            failed = (
                None
                if outcome is Died
                else {failure["itemIdentifier"] for failure in outcome["batchItemFailures"]}
            )
            self._world.queue.ended(messages, failed)

        self.invoke("step", {"Records": records}, then)

    def tick(self) -> None:
        """Invoke the tick function with the rule's event."""
        self.invoke(
            "tick",
            {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
            lambda _: None,
        )

    def maintenance(self) -> None:
        """Invoke the maintenance function with the rule's event."""

        def then(outcome: Any) -> None:
            if outcome is Died:
                self._world.rare("an maintenance was cut off")

        self.invoke(
            "maintenance",
            {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
            then,
        )

    def ask(
        self,
        function: str,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        actor: str = "operator",
        **headers: str,
    ) -> Any:
        """Call the HTTP API and wait: status and document, or None without a response.

        For fibers without a process.
        """
        world = self._world
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {
                "content-type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
            "requestContext": {
                "http": {"method": method, "path": path},
                "stage": "$default",
                "requestId": f"gateway-{self.invocations}",
                "authorizer": {"jwt": {"claims": {"sub": actor, "scope": SCOPES}}},
            },
            "body": json.dumps(body) if body is not None else None,
            "isBase64Encoded": False,
        }
        answers: list[Any] = []
        asker = here()

        def then(outcome: Any) -> None:
            answers.append(outcome)
            world.scheduler.wake(asker)

        self.invoke(function, event, then)
        while not answers:
            world.scheduler.park()
        outcome = answers[0]
        if outcome is Died:
            return None
        world.oracle.said(f"the answer to {method} {path}", outcome.get("body") or "")
        if world.faults.fires("client.lost_answer"):
            return None
        document = json.loads(outcome["body"]) if outcome.get("body") else None
        return outcome["statusCode"], document, outcome.get("headers") or {}

    # Rules

    def start_rules(self) -> None:
        """Start the rules: a tick each minute, maintenance every five minutes.

        A rule may fire late or not at all.
        """
        self._world.scheduler.at(self._world.rng.randint(0, MINUTE), self._tick_rule)
        self._world.scheduler.at(self._world.rng.randint(0, 5 * MINUTE), self._maintenance_rule)

    def _tick_rule(self) -> None:
        world, faults = self._world, self._world.faults
        if world.over:
            return
        world.scheduler.after(MINUTE, self._tick_rule)
        self._minutes += 1
        # While the queue is down for hours a tick fires rarely: its messages are lost.
        if world.scheduler.now < world.outage_until or (
            world.scheduler.now < world.queue_dead_until and self._minutes % 13
        ):
            return
        if faults.fires("tick.outage"):
            world.outage_until = world.scheduler.now + world.rng.choice(
                [3 * MINUTE, 10 * MINUTE, 30 * MINUTE]
            )
            world.trace("ticks stop for long")
            return
        if faults.fires("tick.missed"):
            return
        delay = world.rng.randint(0, 500_000)
        if faults.fires("tick.late"):
            delay += world.rng.randint(SECOND, 90 * SECOND)
        world.scheduler.after(delay, self.tick)
        if faults.fires("tick.doubled"):
            world.scheduler.after(
                delay + world.rng.choice([0, world.rng.randint(0, 2 * SECOND)]), self.tick
            )

    def _maintenance_rule(self) -> None:
        if self._world.over:
            return
        self._world.scheduler.after(5 * MINUTE, self._maintenance_rule)
        if self._world.scheduler.now >= self._world.outage_until:
            self.maintenance()
