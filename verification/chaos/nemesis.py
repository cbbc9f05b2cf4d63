"""Strikes: each kind at random moments, counted only with evidence that it hit."""

from __future__ import annotations

import heapq
import itertools
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import boto3
import httpx
import psycopg2
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.e2e.local_stack import wait_until
from verification.chaos.pace import Kind
from verification.chaos.world import World, state

_AT_MOST_DOWN = 5.0  # seconds that Postgres stays down
_MOMENT = 2.0  # seconds to wait for something to strike
# The other strikes give a slow machine as much time as a fast one needs for the same work:
# killing a process that has not yet started shows nothing.
_STEADY: frozenset[Kind] = frozenset({"restart postgres", "double messages", "service faults"})
_SERVICE_FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "drop"},
    {"kind": "reset"},
    {"kind": "unavailable", "retryAfter": 1},
    {"kind": "throttle", "retryAfter": 1},
    {"kind": "slow"},
)


class Nemesis:
    """One thread that strikes and repairs, on a plan generated from the seed.

    The exact moment of a strike depends on the machine.
    """

    def __init__(self, world: World, seed: object) -> None:
        """Create a nemesis that has struck nothing."""
        self._world = world
        self._draws = random.Random(f"{seed}/nemesis")
        self._plan: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nemesis", daemon=True)
        self._frozen: dict[int, Kind] = {}
        self.evidence: Counter[str] = Counter()
        self.stacks = 0  # kills, for taking turns
        self.broken: list[BaseException] = []
        self.strikes: dict[Kind, Callable[[], bool]] = {
            "kill step": lambda: self._kill_environment("step"),
            "kill tick": lambda: self._kill_environment("tick"),
            "kill api": lambda: self._kill_environment("api"),
            "kill import": lambda: self._kill_environment("import_accounts"),
            "kill stack": self._kill_stack,
            "freeze step": lambda: self._freeze("freeze step", "step"),
            "freeze tick": lambda: self._freeze("freeze tick", "tick"),
            "freeze stack": lambda: self._freeze("freeze stack", None),
            "restart postgres": self._stop_postgres,
            "purge queue": self._purge_queue,
            "double messages": self._double_messages,
            "wipe locks": self._wipe_locks,
            "kill emulator": lambda: self._kill_child("devstack.aws.server"),
            "kill service": lambda: self._kill_child("devstack.actions_service.server"),
            "service faults": self._add_faults,
        }

    def start(self) -> None:
        """Start to strike on the seed's plan."""
        self._world.simulate("settings", {"latency": self._world.pace.latency})
        self._world.proxy.chance = self._world.pace.lost
        for kind in self._world.pace.between:
            self._schedule(kind)
        self._thread.start()

    def stop(self) -> None:
        """Stop striking and repair everything. Raises the error that ended a strike."""
        self.abandon()
        for pid in list(self._frozen):
            self._thaw(pid)
        self._start_postgres()
        wait_until(self._heal_service, 60, "the actions service without faults")

    def abandon(self) -> None:
        """Stop striking and leave everything as it is. Repeating the call is harmless."""
        self._world.proxy.chance = 0.0
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    # The plan

    def _at(self, moment: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._plan, (moment, next(self._order), action))

    def _schedule(self, kind: Kind) -> None:
        wait = self._draws.uniform(*self._world.pace.between[kind])
        if kind not in _STEADY and kind not in self._world.pace.most:
            wait *= self._world.slowness
        self._at(time.monotonic() + wait, lambda: self._strike(kind))

    def _strike(self, kind: Kind) -> None:
        still_frozen = sum(other == kind for other in self._frozen.values())
        if self.evidence[kind] + still_frozen < self._world.pace.most.get(kind, sys.maxsize):
            with suppress(
                psycopg2.Error, httpx.HTTPError, BotoCoreError, ClientError, OSError
            ):  # its target was struck already
                hit = self.strikes[kind]()
                if not kind.startswith("freeze"):  # proved when the process thaws
                    self.evidence[kind] += hit
        self._schedule(kind)

    def _run(self) -> None:
        try:
            while self._plan:
                moment, _, action = heapq.heappop(self._plan)
                if self._stopping.wait(max(0.0, moment - time.monotonic())):
                    break
                action()
        except BaseException as error:
            self.broken.append(error)

    # Processes

    def _kill_environment(self, function: str) -> bool:
        found = [pid for pid in self._world.environments(function) if pid not in self._frozen]
        return bool(found) and self._kill(self._draws.choice(found))

    def _kill_child(self, module: str) -> bool:
        pid = self._world.child(module)
        return pid is not None and self._kill(pid)

    @staticmethod
    def _kill(pid: int) -> bool:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: state(pid) in ("", "Z"), 10, f"the end of process {pid}")
            return True
        return False

    def _kill_stack(self) -> bool:
        """Kill in turn: everything with the database, the main process, all but the database."""
        self.stacks += 1
        for pid in list(self._frozen):
            self._thaw(pid)
        if self.stacks % 3 == 1 and self._world.postgres.alive():
            self._end_postgres(signal.SIGKILL)
        self._world.kill_stack(every_process=self.stacks % 3 != 2)
        self._start_postgres()
        self._world.start_stack()
        return True

    def _freeze(self, kind: Kind, function: str | None) -> bool:
        """Freeze a process past its lease; a step function every fourth time past the lock timeout.

        The strike counts when the process thaws and still exists.
        """
        pace = self._world.pace
        assert self._world.stack is not None
        found = (
            self._world.environments(function)
            if function is not None
            else [self._world.stack.process.pid]
        )
        found = [pid for pid in found if pid not in self._frozen]
        if function == "step" and len(found) < 2:
            return False  # leave at least one process running
        self._wait_for_work()
        if not found or not self._world.freeze(pid := self._draws.choice(found)):
            return False
        self._frozen[pid] = kind
        past = pace.lock if self._draws.uniform(0, 1) < 0.25 and function == "step" else pace.lease
        noticed = (
            past + 2 * pace.tick + self._draws.uniform(0.5, 3.0)
        )  # its tasks have been reclaimed by then
        self._at(time.monotonic() + noticed, lambda: self._count_thawed(pid, kind))
        return True

    def _wait_for_work(self) -> None:
        """Wait for a running task, for a limited time, so that the strike hits work."""
        give_up = time.monotonic() + _MOMENT
        while time.monotonic() < give_up:
            (row,) = self._world.rows(
                "select count(*) as running from scheduled_tasks where status = 'running'"
            )
            if row["running"] > 1:
                return
            time.sleep(0.05)

    def _count_thawed(self, pid: int, kind: Kind) -> None:
        if pid in self._frozen and self._thaw(pid):
            self.evidence[kind] += 1

    def _thaw(self, pid: int) -> bool:
        del self._frozen[pid]
        return self._world.thaw(pid)

    # The database

    def _stop_postgres(self) -> bool:
        """Stop Postgres like `pg_ctl stop -m immediate`.

        Start it on the same directory and port within 5 s.
        """
        if not self._world.postgres.alive():
            return False
        self._end_postgres(signal.SIGQUIT)
        self._at(time.monotonic() + self._draws.uniform(0.0, _AT_MOST_DOWN), self._start_postgres)
        return True

    def _end_postgres(self, blow: signal.Signals) -> None:
        postgres = self._world.postgres
        os.kill(postgres.pid, blow)
        wait_until(lambda: not postgres.alive(), 20, "the end of Postgres")

    def _start_postgres(self) -> None:
        if not self._world.postgres.alive():
            self._world.postgres.restart()

    # Queue, locks, service

    def _aws(self, service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self._world.facts["awsEndpointUrl"],
            region_name="eu-west-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(
                connect_timeout=2,
                read_timeout=10,
                retries={"total_max_attempts": 1, "mode": "standard"},
            ),
        )

    def _purge_queue(self) -> bool:
        """Delete every message, delayed and in flight ones too, when the queue has some."""
        sqs, url = self._aws("sqs"), self._world.facts["queueUrl"]
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
        ]
        give_up = time.monotonic() + _MOMENT
        while time.monotonic() < give_up:
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            if lost := sum(map(int, found.values())):
                sqs.purge_queue(QueueUrl=url)
                self.evidence["messages purged"] += lost
                return True
            time.sleep(0.05)
        return False

    def _double_messages(self) -> bool:
        """Send messages that are about to be delivered twice more, out of order."""
        sqs, url = self._aws("sqs"), self._world.facts["queueUrl"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1).get(
            "Messages", []
        )
        bodies = [message["Body"] for message in found] * 2
        self._draws.shuffle(bodies)
        for body in bodies:
            sqs.send_message(
                QueueUrl=url, MessageBody=body, DelaySeconds=self._draws.choice([0, 0, 1, 3])
            )
        self.evidence["messages doubled"] += len(bodies)
        return bool(bodies)

    def _wipe_locks(self) -> bool:
        dynamodb, table = self._aws("dynamodb"), self._world.facts["lockTable"]
        give_up = time.monotonic() + _MOMENT
        while time.monotonic() < give_up:
            items = dynamodb.scan(TableName=table, ProjectionExpression="account_id")["Items"]
            for item in items:
                dynamodb.delete_item(TableName=table, Key=item)
            if items:
                self.evidence["locks wiped"] += len(items)
                return True
            time.sleep(0.05)
        return False

    def _add_faults(self) -> bool:
        fault = dict(self._draws.choice(_SERVICE_FAULTS))
        if fault["kind"] == "slow":
            fault["seconds"] = self._world.pace.slow
        self._world.simulate("faults", {**fault, "count": self._draws.randint(1, 4)})
        return True

    def _heal_service(self) -> bool:
        with suppress(httpx.HTTPError):
            httpx.delete(
                f"{self._world.facts['actionsUrl']}/_sim/faults", timeout=5, trust_env=False
            ).raise_for_status()
            return True
        return False
