"""The engine's services on real parts, in one process.

Postgres under each function's role, an actions service over HTTP.

Deliveries are the test's to make: the queue only keeps what it was sent, and the schedule clock
jumps to what is due next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from devstack.actions_service.server import ActionsService
from devstack.clock import ScheduleClock as ClockSetter
from devstack.postgres import Server
from flamebot.actions.registry import REGISTRY
from flamebot.adapters.actions_api.client import ActionsApi
from flamebot.adapters.clock.schedule import ScheduleClock
from flamebot.adapters.postgres.admin_store import PostgresAdminStore
from flamebot.adapters.postgres.connection import Database
from flamebot.adapters.postgres.engine_store import PostgresEngineStore
from flamebot.adapters.postgres.locks import PostgresLocks
from flamebot.adapters.template_writer.writer import TemplateWriter
from flamebot.domain.backoff import EnginePolicy
from flamebot.domain.ids import AccountId
from flamebot.domain.instance import AccountData
from flamebot.domain.plan import plan_retry
from flamebot.domain.task_random import TaskRandom
from flamebot.ports.admin_store import FIRST_VERSION, AccountRow, Caller
from flamebot.ports.clock import Clock
from flamebot.ports.locks import Locks
from flamebot.ports.queue import Message
from flamebot.ports.vault import Secret, Vault
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.sending import send_tasks
from flamebot.services.stepping.run_tasks import RunTasks
from flamebot.services.ticking.dispatch import DispatchDue, TickReport
from flamebot.services.workflows.start import start_row
from tests.support.databases import PASSWORD, TestDatabase
from tests.unit.services.stand_ins import ListTelemetry

LEASE = timedelta(seconds=90)
HORIZON = timedelta(seconds=120)
CALL_TIMEOUT = timedelta(seconds=2)
GIVE_UP_AFTER = timedelta(hours=2)  # a day would take ten times as many calls
POLICY = EnginePolicy(
    max_attempts=3,
    max_reclaims=5,
    retry_base=timedelta(seconds=30),
    retry_cap=timedelta(seconds=300),
)
TESTER = Caller(actor="tester")
ROLES = ("flamebot_step", "flamebot_tick", "flamebot_api")
SECRET = "planted-hunter2"

Wrap = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Kept:
    """A message in the queue, and the schedule time from which it is visible."""

    body: str
    visible_at: datetime


class KeepingQueue:
    """A step queue whose messages wait for the test."""

    def __init__(self, clock: ScheduleClock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self.kept: list[Kept] = []
        self.bodies: list[str] = []
        self.down = False

    def send(self, messages: Sequence[Message]) -> int:
        if self.down:
            return 0
        now = self._clock.now()
        with self._guard:
            self.kept += [
                Kept(m.body, now + timedelta(seconds=m.delay_seconds * self._clock.rate))
                for m in messages
            ]
            self.bodies += [m.body for m in messages]
        return len(messages)

    def take(self) -> list[str]:
        """Take what may be seen by now."""
        now = self._clock.now()
        with self._guard:
            seen = [k for k in self.kept if k.visible_at <= now]
            self.kept = [k for k in self.kept if k.visible_at > now]
        return [k.body for k in seen]


class Engine:
    """The services, the database and the actions service, without the functions' network."""

    def __init__(
        self,
        server: Server,
        database: TestDatabase,
        directory: Path,
        vault: Vault,
        actions: ActionsService,
    ) -> None:
        self._server = server
        self.database = database
        self.vault = vault
        self.actions = actions
        self.setter = ClockSetter(directory / "clock.json", 1.0)
        self.clock = ScheduleClock(directory / "clock.json")
        self.queue = KeepingQueue(self.clock)
        self.telemetry = ListTelemetry()
        self.control = PostgresAdminStore(database.db, self.clock, horizon=HORIZON, lease=LEASE)
        self._databases = {role: Database(partial(self._url, role)) for role in ROLES}
        self._services: list[ActionsApi] = []
        self._runner = self.step()

    def _url(self, role: str) -> str:
        return self._server.url(self.database.name, user=role, password=PASSWORD)

    def close(self) -> None:
        """Close the connections of all roles."""
        for database in self._databases.values():
            database.close()
        for service in self._services:
            service.close()

    # Functions

    def locks(self) -> Locks:
        """The locks of the step function."""
        return PostgresLocks(
            self._databases["flamebot_step"], timeout=timedelta(seconds=300), lease=LEASE
        )

    def catalog(self) -> DefinitionCatalog:
        """Definitions, as the API reads them."""
        return DefinitionCatalog(self.control, REGISTRY, POLICY)

    def step(
        self,
        *,
        wrap: Wrap = lambda _, port: port,
        locks: Locks | None = None,
        url: Callable[[], str] | None = None,
        clock: Clock | None = None,
    ) -> RunTasks:
        """A step function's process.

        `wrap` may wrap each port, and `url` may be the address of another database.
        """
        database = Database(url) if url else self._databases["flamebot_step"]
        clock = clock or self.clock
        store = PostgresEngineStore(database, clock, horizon=HORIZON, lease=LEASE, max_queued=1000)
        service = ActionsApi(self.actions.url, lambda: self.actions.token, timeout=CALL_TIMEOUT)
        self._services.append(service)
        return RunTasks(
            store=wrap("store", store),
            locks=wrap("locks", locks or self.locks()),
            service=wrap("service", service),
            vault=wrap("vault", self.vault),
            writer=wrap("writer", TemplateWriter()),
            queue=wrap("queue", self.queue),
            catalog=DefinitionCatalog(store, REGISTRY, POLICY),
            clock=clock,
            telemetry=self.telemetry,
            threads=3,
            call_timeout=CALL_TIMEOUT,
            give_up_after=GIVE_UP_AFTER,
        )

    def tick(self, *, wrap: Wrap = lambda _, port: port) -> TickReport:
        """Run one tick and return its report."""
        return self._dispatcher("flamebot_tick", wrap).run()

    def dispatch(self) -> int:
        """Dispatch due tasks, as the API does at the end of a global pause."""
        return self._dispatcher("flamebot_api", lambda _, port: port).dispatch()

    def tick_store(self, role: str = "flamebot_tick") -> PostgresEngineStore:
        """The tick's store, or another function's."""
        return PostgresEngineStore(
            self._databases[role], self.clock, horizon=HORIZON, lease=LEASE, max_queued=1000
        )

    def _dispatcher(self, role: str, wrap: Wrap) -> DispatchDue:
        store = self.tick_store(role)
        return DispatchDue(
            store=wrap("store", store),
            queue=wrap("queue", self.queue),
            catalog=DefinitionCatalog(store, REGISTRY, POLICY),
            clock=self.clock,
            telemetry=self.telemetry,
            give_up_after=GIVE_UP_AFTER,
        )

    def deliver(self, *bodies: str, runner: RunTasks | None = None) -> list[str]:
        """Invoke the step function with messages; return the ids of those that failed."""
        end = self.clock.monotonic() + 60
        messages = {str(number): body for number, body in enumerate(bodies)}
        return (runner or self._runner).run(messages, lambda: end - self.clock.monotonic())

    def drive(
        self, done: Callable[[], bool], *, runner: RunTasks | None = None, rounds: int = 200
    ) -> None:
        """Tick, deliver and let time pass until something is so."""
        for _ in range(rounds):
            self.tick()
            while bodies := self.queue.take():
                self.deliver(*bodies, runner=runner)
            if done():
                return
            self.jump()
        raise AssertionError(
            f"not done: {self.database.rows('select * from workflow_instances')} {self.tasks()}"
        )

    def jump(self) -> None:
        """Move schedule time to what is due next."""
        row = self.database.one(
            "select min(t.scheduled_for) as due from scheduled_tasks t"
            " where t.status in ('pending', 'queued') and not exists ("
            "select from services s where s.name = t.service and s.slots_per_second is not null)"
        )
        # A delay is whole seconds: the slot of a message is up to a second after it is visible.
        moments = [kept.visible_at + timedelta(seconds=1) for kept in self.queue.kept]
        if row["due"] is not None:
            # A message may be seen so much later: docs/adr/0011.
            moments.append(row["due"] + timedelta(seconds=0.1))
        # What a breaker holds back gets its slots from a tick.
        self.advance_to(min(moments, default=self.clock.now() + timedelta(seconds=5)))

    def advance_to(self, moment: datetime) -> None:
        """Move schedule time forwards to a moment."""
        left = (moment - self.clock.now()).total_seconds()
        if left > 0:
            self.setter.advance(left + 0.001)

    def outlive(self, lease: timedelta = timedelta(hours=1)) -> None:
        """Let so much wall time pass for every lease and lock."""
        past = {"past": lease}
        self.database.rows(
            (
                "update scheduled_tasks set lease_expires_at = lease_expires_at "
                "- %(past)s where lease_expires_at is not null"
            ),
            past,
        )
        self.database.rows(
            (
                "update workflow_locks set expires_at = expires_at "
                "- %(past)s, acquired_at = acquired_at - %(past)s"
            ),
            past,
        )

    # Operators

    def define(self, *steps: Mapping[str, Any], name: str = "flow", **config: Any) -> str:
        """Publish a definition and return its type."""
        document = {
            "type": name,
            "name": name,
            "description": "",
            "config": config,
            "steps": list(steps),
        }
        self.control.publish_definition(document, FIRST_VERSION, TESTER)
        return name

    def account(self, name: str = "acc") -> AccountData:
        """Import an account with credentials."""
        (version,) = self.control.reserve_credentials_versions(1)
        (ciphertext,) = self.vault.encrypt(
            [Secret(account_id=name, version=version, credentials={"password": SECRET})]
        )
        row = AccountRow(
            account_id=name,
            model_id="m",
            channel_id="c",
            config={},
            version=version,
            ciphertext=ciphertext,
        )
        self.control.import_accounts([row], [], None, TESTER)
        return AccountData(account_id=AccountId(name), model_id="m", channel_id="c", config={})

    def start(self, workflow_type: str = "flow", account: str = "acc") -> str:
        """Import an account and start a workflow; return the id of its instance."""
        row = start_row(
            self.catalog().current(workflow_type), self.account(account), self.clock.now()
        )
        (started,) = self.control.start_workflows([row], TESTER)
        assert started.status == "started"
        self.send([started.send] if started.send else [])
        return row.instance_id

    def retry(self, instance_id: str) -> None:
        """Retry a failed workflow as an operator does."""
        snapshot = self.control.instance_snapshot(instance_id)
        definition = self.catalog().get(snapshot.instance.definition_id)
        draw = TaskRandom(snapshot.task.task_id if snapshot.task else instance_id)
        decision = plan_retry(definition, snapshot.instance, snapshot.task, snapshot.now, draw)
        self.send(
            self.control.retry_workflow(
                instance_id, snapshot.instance.revision, decision, TESTER
            ).send
        )

    def send(self, pointers: Sequence[Any]) -> None:
        """Send the tasks that an SQL function returned as queued."""
        send_tasks(pointers, queue=self.queue, clock=self.clock, telemetry=self.telemetry)

    # What the test reads

    def zone(self) -> str:
        """The time zone of the tick's sessions."""
        return str(self._databases["flamebot_tick"].value("current_setting('TimeZone')"))

    def status(self, instance_id: str) -> str:
        """Return the status of the instance."""
        return str(
            self.database.value(
                "select status from workflow_instances where id = %s", (instance_id,)
            )
        )

    def ended(self, instance_id: str) -> Callable[[], bool]:
        """Return a condition that holds once the instance has ended."""
        return lambda: self.status(instance_id) not in ("active", "stopping")

    def tasks(self, instance_id: str | None = None) -> list[dict[str, Any]]:
        """The rows of an instance's tasks, in order."""
        return self.database.rows(
            (
                "select * from scheduled_tasks where workflow_instance_id = "
                "coalesce(%s::uuid, workflow_instance_id) order by sequence"
            ),
            (instance_id,),
        )

    def history(self, instance_id: str) -> list[tuple[str, str]]:
        """Step and status, in order."""
        rows = self.database.rows(
            "select step_id, status from step_history where instance_id = %s order by sequence",
            (instance_id,),
        )
        return [(row["step_id"], row["status"]) for row in rows]

    def writes(self, operation: str | None = None, account: str = "acc") -> list[dict[str, Any]]:
        """The writes that reached the service, in the order of their end."""
        ledger = self.actions.provider.ledger(account)
        return [write for write in ledger["writes"] if operation in (None, write["operation"])]

    def keys(self, operation: str = "startSwipeTask", account: str = "acc") -> list[str]:
        """The keys of the writes that reached the service, in order."""
        return [str(write["key"]) for write in self.writes(operation, account)]

    def effects(self, account: str = "acc") -> list[str]:
        """Return the operation of each job that the service ran for an account."""
        return [str(job["operation"]) for job in self.actions.provider.ledger(account)["jobs"]]


def swipe(step_id: str = "swipe", **fields: Any) -> dict[str, Any]:
    """Return a step that starts a job."""
    return {"id": step_id, "action": "swipe_with_spectre", "swipeCount": 5, **fields}
