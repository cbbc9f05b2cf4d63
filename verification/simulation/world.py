"""One seed: all simulated parts, started, stopped and checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg2

from flamebot.config import Settings
from verification.simulation import aws
from verification.simulation.database import READS, Result, SimDatabase, function_of
from verification.simulation.environment import Environment
from verification.simulation.faults import Faults
from verification.simulation.final_checks import check_the_end
from verification.simulation.operators import Operators
from verification.simulation.oracle import Oracle
from verification.simulation.platform import Platform
from verification.simulation.queue import SimQueue
from verification.simulation.scheduler import HOUR, MINUTE, SECOND, START_EPOCH_US, Scheduler, Trace
from verification.simulation.seams import replaced
from verification.simulation.service import TOKEN, SimActionsService

CALM_BOUND = 12 * HOUR  # everything settles within this time once faults have stopped
MOST_EVENTS = 60_000


@dataclass(slots=True)
class SeedResult:
    """The result and statistics of one seed."""

    seed: int
    failure: str | None
    digest: str
    events: int
    hours: float
    mode: str
    longest_wait: float  # seconds after faults had stopped
    fired: Counter[str]
    rare: Counter[str]
    odd: Counter[str]
    trace: list[str] = field(default_factory=list)


class World:
    """All simulated parts of one seed."""

    def __init__(self, seed: int, database: SimDatabase, *, keep_trace: bool = False) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.log = Trace(keep=keep_trace)
        self.scheduler = Scheduler(self.rng, self.log)
        self.faults = Faults(self.rng)
        self.database = database
        self.locks: dict[str, aws.Item] = {}
        self.at_work: set[Environment] = set()
        self.over = self.settling = False
        self.operated = 0
        self.read_only_until = self.refused_until = self.outage_until = self.queue_dead_until = 0
        self.locks_wiped_at = -HOUR
        self.down_until = {"service": 0, "ai": 0}
        self.resumed_at = 0  # epoch microseconds of the last end of a global pause
        self.late: list[Callable[[], None]] = []
        self.rares: Counter[str] = Counter()
        self.odds: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.schedule_clock = self.rng.random() < 0.2
        self._settings = self._draw_settings()
        self.crowded = (
            self._settings["MAX_QUEUED_TASKS"] == "2"
        )  # a due task may have to wait for queue capacity
        self._poisoned = (self.rng.choice(["acc0", "acc1"]), self.rng.choice([1, 2, 6, 8]))
        self.oracle = Oracle(self)
        self.queue = SimQueue(self)
        self.service = SimActionsService(self)
        self.platform = Platform(self)
        self.operators = Operators(self)

    def _draw_settings(self) -> dict[str, str]:
        return {
            "DATABASE_URL": "simulated",
            "LOCK_BACKEND": self.rng.choice(["dynamodb", "dynamodb", "postgres"]),
            "LOCK_TABLE": "locks",
            "STEP_QUEUE_URL": "queue",
            "STEP_THREADS": self.rng.choice(["1", "3", "5"]),
            "MAX_QUEUED_TASKS": self.rng.choice(["2", "20000", "20000"]),
            "TASK_RETENTION_DAYS": self.rng.choice(["1", "7"]),
            "ACTIONS_BASE_URL": "http://actions.test",
            "ACTIONS_TOKEN": TOKEN,
            "CREDENTIALS_KMS_KEY_ID": "key",
        }

    # Services of the whole to its parts

    def trace(self, line: str) -> None:
        """Write an event to the trace."""
        self.log.tell(f"{self.scheduler.now / SECOND:.6f} {line}")

    def rare(self, state: str) -> None:
        """Note that a rare state was reached."""
        self.rares[state] += 1

    def odd(self, what: str, fields: dict[str, Any]) -> None:
        """Note an event that the engine itself reports as broken; the report shows it."""
        self.odds[what] += 1

    def settings(self, function: str) -> Settings:
        """Return the settings of a function's environment."""
        return Settings.from_env(self._settings)

    def client(self, service: str, environment: Environment) -> Any:
        """Return a simulated boto3 client."""
        return aws.CLIENTS[service](environment)

    def poison(self, environment: Environment, account: str) -> None:
        """Let every process that works for one account die, so many times."""
        poisoned, times = self._poisoned
        if times and account == poisoned and self.faults.active("task.poison"):
            self._poisoned = (poisoned, times - 1)
            self.faults.fired["task.poison"] += 1
            environment.die("of poison")

    def still_asking(self, *more: str) -> bool:
        """Return whether a caller is waiting for a response."""
        return any(
            fiber.name in ("importer", *more) or fiber.name.startswith("operator")
            for fiber in self.scheduler.fibers
        )

    def long_outage(self) -> int:
        """Return how long the outage of hours still lasts, if there is one."""
        return (
            max(self.outage_until, self.queue_dead_until, self.scheduler.now) - self.scheduler.now
        )

    def is_down(self, service: str) -> bool:
        """Return whether a service is down: it may go down at a call, for up to an hour."""
        now = self.scheduler.now
        up = now >= self.down_until[service]
        if self.faults.on and up and self.faults.fires(f"{service}.down"):
            self.down_until[service] = now + self.rng.randint(20 * SECOND, HOUR)
        return now < self.down_until[service]

    def deleted(self, account: str) -> bool:
        """Return whether an account was ever erased."""
        return bool(
            self.database.ask(
                "select 1 from audit_log where action = 'delete_account' and subject = %s",
                (f"account/{account}",),
            )
        )

    def resumed(self) -> None:
        """Note the end of a global pause."""
        self.resumed_at = START_EPOCH_US + self.scheduler.now

    def statement(
        self, function: str, who: str, sql: str, params: Any, *, late: bool = False
    ) -> Result:
        """Run a statement on the database and let the oracle check its changes."""
        called = function_of(sql)
        role = {"import_accounts": "flamebot_import"}.get(function, f"flamebot_{function}")
        result: Result | None = None
        try:
            result = self.database.run(role, sql, params, self.scheduler.moment().isoformat())
        except psycopg2.Error as error:
            self.trace(f"{who} {called} raised {error.pgcode}")
            if error.pgcode is None or not error.pgcode.startswith("FB"):
                self.odd(f"{called} raised {error.pgcode}", {})
            raise
        finally:
            if called and called not in READS:
                seen = self.database.watch()
                changes = self.oracle.observe(called, params, result, seen, late=late)
                self.trace(
                    f"{who} {called} {'-' if result is None else len(result.rows)} "
                    f"{'; '.join(changes)}"
                )
        return result

    def run_late(self, environment: Environment, sql: str, params: Any) -> None:
        """Run a statement late, or never, after its caller is gone."""
        if self.rng.random() < 0.25:
            self.oracle.in_doubt(function_of(sql), params, executed=False)
            return

        def run() -> None:
            if run in self.late:
                self.late.remove(run)
                try:
                    self.statement(
                        environment.function, f"{environment.name} (late)", sql, params, late=True
                    )
                except psycopg2.Error:
                    return

        self.late.append(run)
        self.oracle.in_doubt(function_of(sql), params, executed=False)
        self.scheduler.after(
            self.rng.randint(1_000, self.rng.choice([300_000, 20_000_000, 150_000_000])), run
        )

    # The course of a seed

    def meddle(self) -> None:
        """Apply faults of the whole system from time to time."""
        while self.faults.on:
            self.scheduler.sleep(self.long_outage() + self.rng.randint(5 * SECOND, 120 * SECOND))
            if self.faults.fires("queue.purged"):
                self.trace("the queue is purged")
                self.queue.purge()
            if self.faults.fires("queue.redriven"):
                self.queue.redrive()
            if self.faults.fires("locks.wiped"):
                self.trace("the locks are gone")
                self.locks.clear()
                self.locks_wiped_at = self.scheduler.now
                self.database.ask("delete from workflow_locks")
            if self.faults.fires("maintenance.at_any_moment"):
                self.platform.maintenance()

    def run(self) -> SeedResult:
        """Set up, let faults happen, stop them, let everything settle, check the end."""
        with replaced(self):
            try:
                self._course()
            finally:
                self.over = True
                self.scheduler.end()
        return SeedResult(
            seed=self.seed,
            failure=self.scheduler.failure,
            digest=self.log.digest(),
            events=self.scheduler.events,
            hours=self.scheduler.now / HOUR,
            mode=self.faults.mode,
            longest_wait=self.oracle.longest_wait / SECOND,
            fired=self.faults.fired,
            rare=self.rares,
            odd=self.odds,
            trace=list(self.log.lines),
        )

    def _course(self) -> None:
        scheduler, operators = self.scheduler, self.operators
        self.faults.on = False
        setter = scheduler.spawn(operators.set_up, None, "set up")
        scheduler.run(lambda: bool(setter.dead), until=HOUR, events=MOST_EVENTS)
        self.faults.on = True
        self.platform.start_rules()
        scheduler.spawn(operators.import_all, None, "importer")
        for number in range(self.rng.randint(0, 2)):
            scheduler.spawn(operators.control, None, f"operator {number}")
        scheduler.spawn(self.meddle, None, "meddler")
        end, most = (
            scheduler.now + self.rng.randint(2 * MINUTE, 40 * MINUTE),
            self.rng.randint(150, 800),
        )
        if self.faults.active("task.poison"):
            end, most = end + 20 * MINUTE, most + 600
        if self.faults.befalls("queue.dead", 0.05):
            self.queue_dead_until = scheduler.now + 6 * HOUR
            scheduler.run(
                lambda: scheduler.now >= self.queue_dead_until, until=48 * HOUR, events=5_000
            )
        scheduler.run(
            lambda: scheduler.now >= max(end, self.outage_until, self.refused_until),
            until=48 * HOUR,
            events=most,
        )
        if self.faults.befalls("tick.lost_day", 0.12):
            self.outage_until = self.queue_dead_until = scheduler.now + self.rng.randint(
                21 * HOUR, 32 * HOUR
            )
            scheduler.run(
                lambda: scheduler.now >= self.outage_until, until=100 * HOUR, events=2_000
            )
            self.platform.maintenance()
        self._calm()
        self._settle()

    def _calm(self) -> None:
        """Stop the faults: open calls arrive and no new fault fires."""
        self.trace("faults stop")
        self.faults.on = False
        self.read_only_until = self.refused_until = self.outage_until = self.queue_dead_until = 0
        self.down_until = dict.fromkeys(self.down_until, 0)
        for run in list(self.late):
            run()
        self.oracle.calm()

    def _settle(self) -> None:
        scheduler = self.scheduler
        scheduler.spawn(self.operators.settle, None, "settler")
        until = scheduler.now + CALM_BOUND

        def at_rest() -> bool:
            live = [
                i for i in self.oracle.mirror.instances.values() if i.live and i.status != "paused"
            ]
            return (
                self.settling and not live and not self.still_asking("settler") and not self.at_work
            )

        endless = scheduler.now + 4 * MINUTE
        while not at_rest():
            scheduler.run(lambda: False, until=scheduler.now + 30 * SECOND, events=MOST_EVENTS)
            if scheduler.failure is not None:
                return
            if scheduler.now >= until:
                scheduler.fail(
                    f"I6: not at rest after {CALM_BOUND // HOUR} hours: {self.oracle.unsettled()}"
                )
                return
            self.oracle.nothing_waits()
            if scheduler.now >= endless and self.settling:
                endless = scheduler.now + 4 * MINUTE
                scheduler.spawn(self.operators.stop_endless, None, "operator")
        check_the_end(self)


def run_seed(seed: int, database: SimDatabase, *, keep_trace: bool = False) -> SeedResult:
    """Run one seed on an emptied database."""
    database.reset()
    return World(seed, database, keep_trace=keep_trace).run()
