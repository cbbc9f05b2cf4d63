"""The actions service: the simulated service in this process, behind a faulty network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx

from devstack.actions_service.api import read_api
from devstack.actions_service.faults import Fault, Faults
from devstack.actions_service.provider import Provider
from devstack.actions_service.server import ActionsService
from devstack.loopback import Answer, Dropped, Request
from verification.simulation.scheduler import SECOND, START, Fiber
from verification.simulation.threads import here

if TYPE_CHECKING:
    from verification.simulation.environment import Environment
    from verification.simulation.world import World

CALL_TIMEOUT = 30 * SECOND
TOKEN = "simulated"
RETRY_AFTER = 40  # seconds at most
_BEFORE = (
    "refused",
    "unavailable",
    "throttled",
    "throttled_without_word",
    "timeout_before",
    "late_arrival",
    "slow",
    "refuses",
    "transient",
)
_AFTER = ("timeout_after", "reset_after", "error_after", "malformed", "huge", "lost_then_conflict")
_DENIED = (401, 403)
_TRANSIENT = (408, 423, 425)
_WRITES = ("PUT", "POST")


@dataclass(slots=True, kw_only=True)
class Call:
    """One call, from both sides. Times are virtual microseconds."""

    number: int
    environment: Environment
    method: str
    path: str
    key: str | None
    fence: int | None
    began: int
    account: str = ""
    arrived: int | None = None
    ended: int | None = None  # at the service
    left: int | None = None  # when the caller had its response, gave up or died
    answer: Answer | Dropped | None = None
    waiting: Fiber | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Return whether the call changes anything at the service."""
        return self.method in _WRITES


class SimActionsService(ActionsService):
    """The simulated service without its socket."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.token = TOKEN
        self.faults = Faults()
        self.provider = Provider(world.scheduler.seconds)
        self._api = read_api()
        self.calls: list[Call] = []
        self._served: dict[int, Call] = {}  # by the fiber that serves it
        self.conflicting: set[str] = set()  # keys that get 409 from now on
        self._transient: set[str] = set()  # tasks that had a transient 4xx which is an attempt

    def receive(self, call: Call, request: Request) -> None:
        """Serve a call in its own fiber, even if the caller ends."""
        call.arrived = self._world.scheduler.now
        self._served[here().number] = call
        self._world.oracle.call_arrived(call)
        self._meddle(call)
        call.answer = self._handle(request)
        call.ended = self._world.scheduler.now
        self._world.oracle.call_ended(call)

    def _meddle(self, call: Call) -> None:
        """Change jobs spontaneously, as the provider behind the service may."""
        faults = self._world.faults
        if not call.writes or call.path.endswith("/cancel"):
            return
        account = self.provider.account(call.account)
        if account is not None and faults.fires("service.suspended"):
            self.provider.set_status(call.account, "suspended")
        effect = call.path.count("/") > 2
        if call.key is not None and effect and self.provider.find(call.key) is None:
            match faults.first("service.job_fails", "service.job_cancelled"):
                case "job_fails":
                    self.faults.add(Fault(kind="fail_job"))
                case "job_cancelled":
                    self.faults.add(Fault(kind="cancel_job"))

    def never_end(self, call: Call) -> None:
        """Let the job that a call started run for ever."""
        for job in list(self.provider._jobs.values()):
            if job.key == call.key and job.is_open(self._world.scheduler.seconds()):
                self.provider._jobs[job.task_id] = replace(job, seconds=1e9)

    def transient_status(self, call: Call) -> int:
        """Return the status of a transient refusal: one per task may cost it an attempt."""
        running = {
            row.task_id
            for row in self._world.oracle.mirror.tasks.values()
            if row.account_id == call.account and row.status == "running"
        }
        if not running or running & self._transient:
            return self._world.rng.choice(_DENIED)
        self._transient |= running
        return self._world.rng.choice(_DENIED + _TRANSIENT)

    def pause_for_work(self, seconds: float) -> None:
        """Wait for the service's latency."""
        world = self._world
        if self._served[here().number].facts.pop("slow", False):  # longer than any caller waits
            world.scheduler.sleep(world.rng.randint(31 * SECOND, 150 * SECOND))
        world.scheduler.sleep(
            int(seconds * SECOND) or world.rng.randint(5_000, world.rng.choice([50_000, 2_000_000]))
        )


class SimTransport(httpx.BaseTransport):
    """The network between one environment and the service."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Exchange one request and one response."""
        environment = self._environment
        world = environment.world
        call = self._call(request)
        environment.enter("service")
        looked_up = world.oracle.mirror.tasks.get(call.facts.get("key", ""))
        world.poison(environment, looked_up.account_id if looked_up else call.account)
        submits = call.key is not None and call.path.count("/") > 2
        kinds = [kind for kind in (*_BEFORE, *_AFTER) if submits or kind != "lost_then_conflict"]
        fault = world.faults.first(*(f"service.{kind}" for kind in kinds))
        name = (
            f"{environment.name} {request.method} {request.url.raw_path.decode()} {call.key or ''}"
        )
        call.began = world.scheduler.now
        world.service.calls.append(call)
        world.oracle.call_began(call)
        try:
            answer = self._exchange(call, request, fault)
        finally:
            call.left = world.scheduler.now
        world.trace(f"{name} {fault or ''} -> {answer.status_code if answer is not None else None}")
        world.oracle.call_left(call, answer)
        environment.leave("service")
        if answer is None:
            raise httpx.TransportError("ReadTimeout")
        return answer

    def _call(self, request: httpx.Request) -> Call:
        world = self._environment.world
        fence = request.headers.get("x-fencing-token")
        path = request.url.path
        parts = path.split("/")
        account = (
            parts[2]
            if parts[1] == "accounts"
            else world.service.provider.account_of(parts[2])
            if len(parts) > 2
            else None
        )
        facts = {"key": request.url.params["idempotencyKey"]} if path == "/tasks" else {}
        return Call(
            facts=facts,
            number=len(world.service.calls),
            environment=self._environment,
            method=request.method,
            path=path,
            key=request.headers.get("idempotency-key"),
            fence=int(fence) if fence else None,
            began=world.scheduler.now,
            account=account or "",
        )

    def _exchange(
        self, call: Call, request: httpx.Request, fault: str | None
    ) -> httpx.Response | None:
        world = self._environment.world
        if call.key in world.service.conflicting:
            world.rare("a repeated write got 409")
            return _answered(409)
        if world.is_down("service"):
            world.rare("a call met a service that was down")
            world.scheduler.sleep(world.rng.choice([1000, CALL_TIMEOUT]))
            return None if world.rng.random() < 0.5 else _answered(502)
        match fault:
            case "transient":
                return _answered(world.service.transient_status(call))
            case "refused":
                world.scheduler.sleep(1000)
                return None
            case "unavailable":
                return _answered(503, retry_after=str(world.rng.randint(1, RETRY_AFTER)))
            case "throttled":
                return _answered(429, retry_after=str(world.rng.randint(1, RETRY_AFTER)))
            case "throttled_without_word":
                return _answered(429)
            case "refuses" if call.writes:
                return _answered(422)
            case "late_arrival" | "slow":
                call.facts["late"] = call.facts[fault] = True
            case "timeout_before":
                world.scheduler.sleep(CALL_TIMEOUT)
                return None
        way = (
            world.rng.randint(31 * SECOND, 200 * SECOND)
            if fault == "late_arrival"
            else world.rng.randint(1_000, 30_000)
        )
        self._send(call, request, way)
        if fault in ("timeout_after", "lost_then_conflict"):
            if fault == "lost_then_conflict" and call.key is not None:
                world.service.conflicting.add(call.key)
            world.scheduler.sleep(CALL_TIMEOUT)
            return None
        call.waiting = here()
        if not world.scheduler.park(CALL_TIMEOUT) or call.answer is None:
            call.waiting = None
            return None
        return self._spoiled(call, fault)

    def _send(self, call: Call, request: httpx.Request, way: int) -> None:
        world = self._environment.world
        received = Request(
            method=request.method,
            path=request.url.raw_path.decode().partition("?")[0],
            query=request.url.query.decode(),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.content if call.writes else b"",
        )

        def serve() -> None:
            world.scheduler.sleep(way)
            world.service.receive(call, received)
            if call.key is not None and world.faults.fires("service.job_never_ends"):
                world.service.never_end(call)
            world.scheduler.sleep(world.rng.randint(1_000, 20_000))
            if call.waiting is not None:
                world.scheduler.wake(call.waiting)

        world.scheduler.spawn(serve, None, f"service call {call.number}")

    @staticmethod
    def _spoiled(call: Call, fault: str | None) -> httpx.Response | None:
        if isinstance(call.answer, Dropped) or call.answer is None or fault == "reset_after":
            return None
        if fault == "error_after":
            return _answered(500)
        if fault == "malformed":
            return _answered(200, b'{"taskId": ')
        if fault == "huge":
            return _answered(200, b" " * (1 << 20) + b"{}x")
        return _answered(call.answer.status, call.answer.body, **call.answer.headers)


def _answered(status: int, body: bytes = b"{}", **headers: str) -> httpx.Response:
    return httpx.Response(
        status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        stream=httpx.ByteStream(body),
    )


class VirtualTime:
    """Stands in for the module `time` in the provider: wall time there is virtual time here."""

    def __init__(self, world: World) -> None:
        self._world = world

    def time(self) -> float:
        """Return seconds since the epoch."""
        return START.timestamp() + self._world.scheduler.now / SECOND

    def sleep(self, seconds: float) -> None:
        """Take so many seconds of virtual time."""
        self._world.service.pause_for_work(seconds)
