"""The parts of a run, each of which can be struck and repaired.

Postgres, the proxy in front of it and a local stack.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psycopg2
import psycopg2.extras

from devstack.clock import engine_clock
from devstack.cluster import URL_VARIABLE, privilege
from devstack.postgres import EmbeddedPostgres, ensure_database
from tests.e2e.local_stack import Json, LocalStack, alive, wait_until
from verification.chaos.database_proxy import DatabaseProxy
from verification.chaos.log_reader import LogReader
from verification.chaos.pace import Pace

FUNCTIONS = ("api", "import_accounts", "step", "tick")
_USUAL_START = 5.0  # seconds
# Data survives the process without fsync and is lost only with the machine. With fsync a restart
# takes three seconds.
_UNSYNCED = {"fsync": "off", "full_page_writes": "off"}
_STARTS = 3  # a strike may hit a stack that is starting


class World:
    """All processes of a run, from `with` to its end."""

    def __init__(self, pace: Pace, seed: object) -> None:
        """Create a world in which nothing runs."""
        self.pace = pace
        self.directory = Path(tempfile.mkdtemp(prefix="flamebot-chaos-"))
        if privilege() == "nobody":
            self.directory.chmod(0o711)
        self.postgres = EmbeddedPostgres(self.directory / "postgres", options=_UNSYNCED)
        self.log = LogReader(self.directory / "stack" / "logs")
        self.kept = False  # data and logs, kept for inspection
        self.slowness = (
            # slowness of this machine, measured at the start of a stack; 1 with two free cores
            1.0
        )
        self._seed = seed
        self._stopped: set[int] = set()  # processes that were frozen
        self.stack: LocalStack | None = None

    def __enter__(self) -> Self:
        """Start Postgres, the proxy and the stack."""
        try:
            server = self.postgres.start()
            ensure_database(server, "flamebot")
            self.proxy = DatabaseProxy(server.port, self._seed)
            self.proxy.start()
            self._url = server.url("flamebot")
            self._proxied = self._url.replace(f":{server.port}/", f":{self.proxy.port}/")
            self.start_stack()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything in every case."""
        self._end()

    def _end(self) -> None:
        self.thaw_all()
        try:
            if self.stack is not None:
                self.stack.end()
        finally:
            self.postgres.stop()
            if hasattr(self, "proxy"):
                self.proxy.stop()
            if not self.kept:
                shutil.rmtree(self.directory, ignore_errors=True)

    # The stack

    def start_stack(self) -> None:
        """Start the stack on the previous one's data, with its database behind the proxy."""
        self.log.read()  # before it is rotated
        environment = {**self.pace.environment(), URL_VARIABLE: self._proxied}
        for left in reversed(range(_STARTS)):
            began = time.monotonic()
            try:
                self.stack = LocalStack(
                    self.directory / "stack", "--speed", f"{self.pace.speed:g}", env=environment
                )
            except AssertionError:
                if not left:
                    raise
            else:
                self.slowness = max(1.0, (time.monotonic() - began) / _USUAL_START)
                return

    def kill_stack(self, *, every_process: bool) -> None:
        """SIGKILL the main process, whose children then end by themselves, or all processes."""
        assert self.stack is not None
        self.thaw_all()
        family = self.stack.processes()
        if every_process:
            for pid in family - {self.stack.process.pid}:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.stack.kill()
        wait_until(lambda: not alive(family), 20, f"the end of all children: {alive(family)}")

    @property
    def facts(self) -> Json:
        """Return the addresses of the stack that runs now or ran last."""
        assert self.stack is not None
        return self.stack.facts

    def processes(self) -> dict[int, str]:
        """Return the stack's processes with their command lines."""
        assert self.stack is not None
        return alive(self.stack.processes())

    def environments(self, function: str) -> list[int]:
        """Return a function's execution environments in the order of their start."""
        return sorted(
            pid for pid, command in self.processes().items() if f"/functions/{function} " in command
        )

    def child(self, module: str) -> int | None:
        """Return a child of the stack's main process while it lives."""
        return next(
            (pid for pid, command in self.processes().items() if f"-m {module} " in command), None
        )

    # Frozen processes

    def freeze(self, pid: int) -> bool:
        """Send SIGSTOP; return whether the process stands still."""
        with suppress(ProcessLookupError):
            self._stopped.add(pid)
            os.kill(pid, signal.SIGSTOP)
        give_up = time.monotonic() + 1.0
        while time.monotonic() < give_up:
            if state(pid) == "T":
                return True
            time.sleep(0.01)
        return False

    def thaw(self, pid: int) -> bool:
        """Send SIGCONT; return whether the process still existed and was frozen."""
        frozen = state(pid) == "T"
        self._stopped.discard(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        return frozen

    def thaw_all(self) -> None:
        """Thaw all processes: a frozen process does not notice that its parent has ended."""
        for pid in list(self._stopped):
            self.thaw(pid)

    # Inspection

    def rows(self, query: str, *parameters: object) -> list[Json]:
        """Query the database past the proxy. Raises psycopg2's errors while it is down."""
        connection = psycopg2.connect(self._url, connect_timeout=5, application_name="chaos")
        try:
            with (
                connection,
                connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor,
            ):
                cursor.execute(query, parameters or None)
                return [dict(row) for row in cursor.fetchall()]
        finally:
            connection.close()

    def engine_now(self) -> float:
        """Return schedule time in seconds since the epoch."""
        return engine_clock(self.directory / "stack" / "clock.json")()

    def ledger(self) -> Json:
        """Return all requests to the actions service."""
        document: Json = (
            httpx.get(f"{self.facts['actionsUrl']}/_sim/ledger", timeout=120, trust_env=False)
            .raise_for_status()
            .json()
        )
        return document

    def simulate(self, path: str, document: Mapping[str, Any]) -> None:
        """Change the behaviour of the actions service. Raises httpx's errors while it is down."""
        httpx.post(
            f"{self.facts['actionsUrl']}/_sim/{path}",
            json=dict(document),
            timeout=5,
            trust_env=False,
        ).raise_for_status()


def state(pid: int) -> str:
    """Return a process's state from /proc; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
