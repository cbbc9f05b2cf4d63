"""The work of a run: accounts imported in portions, and an operator who commands workflows."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg2

from tests.e2e.local_stack import Json
from verification.chaos.client import Client
from verification.chaos.log_reader import CANARY
from verification.chaos.world import World

TYPE = "chaos"
_DELAY = {"min": "2m", "max": "20m"}
_REST = {"id": "rest", "action": "wait", "delay": _DELAY}
_PROMPT = {
    "id": "prompt",
    "action": "add_prompt",
    "delay": {"min": "0s", "max": "10m"},
    "timeout": "30d",
}
_SWIPE = {
    "id": "swipe",
    "action": "swipe_with_spectre",
    "swipeCount": {"min": 1, "max": 5},
    "delay": _DELAY,
    "timeout": "30d",
}
# Six tasks each: timer, generate, submit, poll, submit, poll. The order of the effects shows the
# workflow's version.
VERSIONS: dict[int, list[Json]] = {1: [_REST, _PROMPT, _SWIPE], 2: [_REST, _SWIPE, _PROMPT]}
EFFECTS = {1: ["updatePrompt", "startSwipeTask"], 2: ["startSwipeTask", "updatePrompt"]}
_LOAD = """
    select (select count(*) from workflow_instances where is_live) as live,
           (select count(*) from scheduled_tasks
             where status in ('pending', 'queued')
               and scheduled_for <= to_timestamp(%s)) as waiting"""
_STOPPED_SHARE = 0.02
_COMMANDS_PAUSE = (0.1, 0.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause acknowledged with nothing in flight, until its end was requested. Wall time."""

    account: str
    acknowledged: float
    ended: float


@dataclass(slots=True)
class Promises:
    """What the API has acknowledged and what therefore holds at the end."""

    workflows: dict[str, str] = field(default_factory=dict)  # account -> workflow
    versions: dict[str, int] = field(default_factory=dict)  # account -> version that was current
    pauses: list[Pause] = field(default_factory=list)
    # accounts for which a stop was requested
    to_be_stopped: set[str] = field(default_factory=set)
    commands: Counter[str] = field(default_factory=Counter)  # acknowledged calls, by action


class Workload:
    """Two threads: one imports, one operates. Their promises are read when both have ended."""

    def __init__(self, world: World, workflows: int, seed: object) -> None:
        """Create a workload that has imported nothing."""
        self._world = world
        self._seed = seed
        self._least = workflows
        self.accounts: list[str] = []  # requested so far
        self.promises = Promises()
        self.failures: Counter[str] = Counter()
        self.broken: list[BaseException] = []
        self.last_request = ""
        self._stopping = threading.Event()
        self._quiet = threading.Event()
        self._enough = threading.Event()
        self._importer = threading.Thread(
            target=self._run, args=(self._import_all,), name="importer", daemon=True
        )
        self._operator = threading.Thread(
            target=self._run, args=(self._operate,), name="operator", daemon=True
        )

    def start(self) -> None:
        """Start the importing and operating threads."""
        self._importer.start()
        self._operator.start()

    def importing(self) -> bool:
        """Return whether more accounts are to be imported."""
        return self._importer.is_alive()

    def enough(self) -> None:
        """Note that enough was struck.

        Until then more accounts are imported, up to twice the number.
        """
        self._enough.set()

    def calm(self, timeout: float) -> None:
        """Note the end of the strikes.

        The operator resumes what it paused and commands nothing more.
        """
        self._quiet.set()
        self._operator.join(timeout)
        if self._operator.is_alive():
            raise AssertionError(
                f"the operator could not resume what it had paused; last: {self.last_request}"
            )

    def stop(self) -> None:
        """Stop both threads with work undone."""
        self._stopping.set()
        self._quiet.set()
        for thread in (self._importer, self._operator):
            if thread.is_alive():
                thread.join(40)

    def _run(self, work: object) -> None:
        client = Client(self._world)
        try:
            work(client)  # type: ignore[operator]
        except BaseException as error:
            if not self._stopping.is_set():
                self.broken.append(error)
        finally:
            self.failures += client.failures
            client.close()

    # Imports

    def _import_all(self, client: Client) -> None:
        portion, published = self._world.pace.portion, 0
        while (left := self._least - len(self.accounts)) > 0 or (
            not self._enough.is_set() and -left < self._least
        ):
            version = 1 if left > self._least // 2 else 2
            if version != published:
                self._publish(client, version)
                published = version
            self._wait_for_capacity()
            if self._stopping.is_set():
                return
            size = min(portion, left) if left > 0 else portion
            accounts = [f"chaos-{self._seed}-{len(self.accounts) + n:05}" for n in range(size)]
            self.accounts += accounts
            self._import(client, accounts, version)
            self._stopping.wait(self._world.pace.gap)

    def _publish(self, client: Client, version: int) -> None:
        document = {"type": TYPE, "name": TYPE, "steps": VERSIONS[version]}
        while not self._stopping.is_set():
            known = client.ask("GET", f"/v1/definitions/{TYPE}")
            if known is not None and known.status == 200 and known.document["version"] == version:
                return
            if known is not None:
                follows = (
                    {"if_none_match": "*"}
                    if known.status == 404
                    else {"if_match": known.etag or ""}
                )
                client.ask("PUT", f"/v1/definitions/{TYPE}", document, **follows)
            self._stopping.wait(0.3)

    def _wait_for_capacity(self) -> None:
        """Wait while too many workflows are live: a long backlog is only sent again and again."""
        pace = self._world.pace
        while not self._stopping.is_set():
            with suppress(psycopg2.Error):  # struck
                (row,) = self._world.rows(_LOAD, self._world.engine_now())
                if row["live"] <= pace.at_once - pace.portion and row["waiting"] < pace.portion:
                    return
            self._stopping.wait(0.5)

    def _import(self, client: Client, accounts: list[str], version: int) -> None:
        """Repeat an import until it is acknowledged; every repetition has the same effect."""
        rows = [
            {
                "accountId": account,
                "modelId": "model-1",
                "channelId": "channel-1",
                "credentials": {"password": f"{CANARY}-{account}"},
            }
            for account in accounts
        ]
        body = {"accounts": rows, "startAutomation": True, "workflowType": TYPE}
        while not self._stopping.is_set():
            answer = client.ask(
                "POST", "/v1/accounts/import", body, idempotency_key=f"import-{accounts[0]}"
            )
            if answer is not None and answer.status == 200:
                started = {
                    result["accountId"]: result["workflow"] for result in answer.document["results"]
                }
                assert all(workflow["status"] == "started" for workflow in started.values()), (
                    answer.document
                )
                self.promises.workflows |= {
                    account: started[account]["instanceId"] for account in accounts
                }
                self.promises.versions |= dict.fromkeys(accounts, version)
                return
            self._stopping.wait(0.3)

    # Control

    def _operate(self, client: Client) -> None:
        """Pause, resume and stop recent workflows.

        A workflow that is paused at the end is resumed.
        """
        draws = random.Random(f"{self._seed}/operator")
        paused: list[
            tuple[float, str, float | None]
        ] = []  # until, account, acknowledged with nothing in flight
        while not self._quiet.wait(draws.uniform(*_COMMANDS_PAUSE)):
            recent = list(self.promises.workflows)[-self._world.pace.at_once :]
            if not recent:
                continue
            account = draws.choice(recent)
            if draws.uniform(0, 1) < _STOPPED_SHARE:
                self._stop(client, account)
            elif account not in self.promises.to_be_stopped and account not in [
                other for _, other, _ in paused
            ]:
                shown = self._command(client, account, "pause")
                if shown is not None and shown["status"] == "paused":
                    acknowledged = None if shown["effectInFlight"] else time.time()
                    paused.append((time.monotonic() + draws.uniform(0.5, 5), account, acknowledged))
            for entry in [entry for entry in paused if entry[0] < time.monotonic()]:
                paused.remove(entry)
                self._resume(client, *entry[1:])
        for _, account, acknowledged in paused:
            self._resume(client, account, acknowledged)

    def _command(self, client: Client, account: str, action: str) -> Json | None:
        """Repeat a command until it is answered.

        None when the workflow's state does not allow it.
        """
        path = f"/v1/workflows/{self.promises.workflows[account]}/{action}"
        while not self._stopping.is_set():
            answer = client.ask("POST", path, {"reason": "chaos"})
            self.last_request = f"{path}, failures so far {dict(client.failures)}"
            if answer is not None:
                self.promises.commands[action] += answer.status == 200
                return answer.document if answer.status == 200 else None
            self._stopping.wait(0.3)
        return None

    def _resume(self, client: Client, account: str, acknowledged: float | None) -> None:
        ended = time.time()
        self._command(client, account, "resume")
        if acknowledged is not None:
            self.promises.pauses.append(
                Pause(account=account, acknowledged=acknowledged, ended=ended)
            )

    def _stop(self, client: Client, account: str) -> None:
        self.promises.to_be_stopped.add(account)
        self._command(client, account, "stop")
