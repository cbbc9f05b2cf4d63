"""A local stack as an operator runs it: a process, its stack.json, and HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import psycopg2.extras

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0  # four seconds on two free cores
OVER = ("completed", "failed", "stopped")
Json = dict[str, Any]


def wait_until(look: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll until there is a result, and return it."""
    give_up = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class LocalStack:
    """`flamebot dev` in its own process, and the ways to use it."""

    def __init__(self, data_dir: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        """Start the stack and wait until it is ready.

        Without options it has normal speed and any port.
        """
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "devstack.main",
            "--port",
            "0",
            "--data-dir",
            str(data_dir),
            *options,
        ]
        paths = [str(ROOT), str(ROOT / "layers" / "engine" / "src")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(env or {})}
        self.output = data_dir / "output.log"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            self.facts: Json = self._wait_ready()
        except BaseException:
            self.end()
            raise
        self.api = httpx.Client(
            base_url=self.facts["apiUrl"],
            headers={"authorization": f"Bearer {self.facts['token']}"},
            timeout=30,
            trust_env=False,
        )
        self.actions = httpx.Client(base_url=self.facts["actionsUrl"], timeout=30, trust_env=False)

    def _wait_ready(self) -> Json:
        path = self.data_dir / "stack.json"

        def look() -> Json | None:
            if self.process.poll() is not None:
                raise AssertionError(
                    f"the stack ended before it was ready:\n{self.output.read_text()[-4000:]}"
                )
            if not path.exists():
                return None
            facts: Json = json.loads(path.read_text())
            return (
                facts if facts["pid"] == self.process.pid else None
            )  # otherwise it is the file of a stack that was killed

        facts: Json = wait_until(
            look, START_SECONDS, f"stack.json\n{self.output.read_text()[-4000:]}"
        )
        return facts

    # Work

    def start_workflow(self, account: str, workflow_type: str, **content: Any) -> str:
        """Import an account and start its workflow; return the workflow's id."""
        row = {
            "accountId": account,
            "modelId": "model-1",
            "channelId": "channel-1",
            "credentials": {"password": "x"},
            **content,
        }
        answer = self.api.post(
            "/v1/accounts/import",
            json={"accounts": [row], "startAutomation": True, "workflowType": workflow_type},
        )
        assert answer.status_code == 200, answer.text
        (result,) = answer.json()["results"]
        assert result["workflow"]["status"] == "started", result
        return str(result["workflow"]["instanceId"])

    def workflow(self, instance_id: str) -> Json:
        """Return the workflow as the API shows it."""
        document: Json = self.api.get(f"/v1/workflows/{instance_id}").raise_for_status().json()
        return document

    def wait_over(self, instance_id: str, seconds: float) -> Json:
        """Wait until a workflow has ended."""
        return self.wait_for(instance_id, lambda workflow: workflow["status"] in OVER, seconds)

    def wait_for(self, instance_id: str, condition: Callable[[Json], bool], seconds: float) -> Json:
        """Wait until a workflow meets a condition."""

        def look() -> Json | None:
            workflow = self.workflow(instance_id)
            return workflow if condition(workflow) else None

        found: Json = wait_until(
            look, seconds, f"{instance_id} as wanted; it is {self.workflow(instance_id)}"
        )
        return found

    def history(self, instance_id: str) -> list[Json]:
        """Return the workflow's history."""
        items: list[Json] = (
            self.api.get(f"/v1/workflows/{instance_id}/history").raise_for_status().json()["items"]
        )
        return items

    def ledger(self, account: str | None = None) -> Json:
        """Return the requests to the actions service, for one account or for all."""
        document: Json = (
            self.actions.get("/_sim/ledger", params={} if account is None else {"account": account})
            .raise_for_status()
            .json()
        )
        return document

    def fault(self, **document: Any) -> None:
        """Inject a fault at the actions service."""
        self.actions.post("/_sim/faults", json=document).raise_for_status()

    def heal(self) -> None:
        """Remove all faults from the actions service."""
        self.actions.delete("/_sim/faults").raise_for_status()

    @contextmanager
    def behaviour(self, **settings: Any) -> Iterator[None]:
        """Change the settings of the actions service for the length of a block."""
        usual = self.actions.get("/_sim/settings").raise_for_status().json()
        self.actions.post("/_sim/settings", json=settings).raise_for_status()
        try:
            yield
        finally:
            self.actions.post(
                "/_sim/settings", json={name: usual[name] for name in settings}
            ).raise_for_status()

    def publish(self, workflow_type: str, steps: list[Json], **config: Any) -> None:
        """Publish the first version of a definition, unless a test of the session did so before."""
        document = {"type": workflow_type, "name": workflow_type, "steps": steps, "config": config}
        answer = self.api.put(
            f"/v1/definitions/{workflow_type}", json=document, headers={"if-none-match": "*"}
        )
        assert answer.status_code in (201, 412), answer.text

    def command(self, instance_id: str, action: str, **content: Any) -> Json:
        """Control a workflow; return it as the response shows it."""
        answer = self.api.post(f"/v1/workflows/{instance_id}/{action}", json=content)
        assert answer.status_code == 200, answer.text
        document: Json = answer.json()
        return document

    def clock(self, advance: str = "0s") -> datetime:
        """Move schedule time forwards and return it."""
        answer = self.api.post("/dev/clock", json={"advance": advance}).raise_for_status()
        return datetime.fromisoformat(answer.json()["now"])

    def rows(self, query: str, *parameters: object) -> list[Json]:
        """Query the database directly."""
        connection = psycopg2.connect(self.facts["databaseUrl"])
        try:
            with (
                connection,
                connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor,
            ):
                cursor.execute(query, parameters)
                return [dict(row) for row in cursor.fetchall()]
        finally:
            connection.close()

    # Its processes

    def processes(self) -> set[int]:
        """Return the stack's process and all its descendants."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    parents[int(entry.name)] = int(
                        (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    )
                except OSError:
                    continue
        family = {self.process.pid}
        while grown := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= grown
        return family

    def stop(self) -> int:
        """Send SIGTERM to the stack and wait; return its exit status."""
        self._close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        """Kill the stack's main process with SIGKILL."""
        self._close()
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """End all processes of the stack in every case."""
        self._close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _close(self) -> None:
        if hasattr(self, "api"):
            self.api.close()
            self.actions.close()


def alive(pids: set[int]) -> dict[int, str]:
    """Return the processes that still live, with their command lines. A zombie is dead."""
    found = {}
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":
                found[pid] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found
