"""Runs workflows on a metered stack from import to end, skipping idle hours."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from bench.database import ROOT, Session
from bench.metered.stack import MeteredStack

TICK_SECONDS = 60
_HORIZON = 120
_EARLY = 0.03  # a skip ends this long before its event
_TIMEOUT = 600.0
_TICK: dict[str, Any] = json.loads((ROOT / "events/tick/minute.json").read_text())
MAINTENANCE: dict[str, Any] = json.loads((ROOT / "events/maintenance/periodic.json").read_text())
_WAITING = (
    "select extract(epoch from min(scheduled_for))::float8 "
    "from scheduled_tasks where status = 'pending'"
)
# Tasks that are a minute apart or more, moved into one second: the tick's view of eighty thousand
# accounts.
_TOGETHER = """
with due as (select date_trunc('second', max(scheduled_for)) as second from scheduled_tasks
    where status = 'pending')
update scheduled_tasks t set scheduled_for = due.second + random() * interval '999 milliseconds'
    from due where t.status = 'pending'
"""
_LIVE = "select count(*) from scheduled_tasks where status in ('queued', 'running')"


class Drive:
    """One run of workflows. `together`: tasks that wait for a tick fall due in the same second."""

    def __init__(self, stack: MeteredStack, session: Session, *, together: bool) -> None:
        """Create a run without accounts."""
        self._stack = stack
        self._session = session
        self._together = together
        stack.warm(
            {
                "import_accounts": request(None),
                "tick": _TICK,
                "step": {"Records": []},
                "maintenance": MAINTENANCE,
            }
        )

    def start(self, workflow: str, accounts: int, *, prefix: str) -> None:
        """Import accounts in one request and start their workflows."""
        answer = self._stack.call(
            "import_accounts",
            request(
                {
                    "accounts": _accounts(accounts, prefix),
                    "startAutomation": True,
                    "workflowType": workflow,
                }
            ),
        )
        assert json.loads(answer["body"])["started"] == accounts, answer

    def run(self, done: Callable[[], bool]) -> None:
        """Process event after event until the run is done or nothing is left to happen."""
        give_up = time.monotonic() + _TIMEOUT
        with ThreadPoolExecutor(self._stack.source.concurrency) as environments:
            running: set[Future[None]] = set()
            while running or not done():
                assert time.monotonic() < give_up, "the workflows do not come to their end"
                for future in [each for each in running if each.done()]:
                    running.remove(future)
                    future.result()
                if len(running) < self._stack.source.concurrency and (
                    messages := self._stack.receive()
                ):
                    running.add(environments.submit(self._stack.step, messages))
                elif running:
                    time.sleep(0.005)
                elif not self._go_on():
                    return

    def _go_on(self) -> bool:
        """Skip to the next message, or tick when the next tick would find something.

        Return whether there is anything.
        """
        message, tick = self._stack.next_message(), self._next_tick()
        if message is None and tick is None:
            return False
        if message is not None and (tick is None or message <= tick):
            self._stack.skip_to(message - _EARLY)
            time.sleep(0.005)
            return True
        assert tick is not None
        if self._together:
            if self._session.value(_LIVE) == 0:
                self._session.rows(_TOGETHER)
            tick = self._next_tick() or tick
        self._stack.skip_to(tick)
        self._stack.call("tick", _TICK)
        return True

    def _next_tick(self) -> float | None:
        """Return the first whole minute from now at which a task is due within the horizon."""
        due = self._session.value(_WAITING)
        if due is None:
            return None
        earliest = max(self._stack.now(), due - _HORIZON)
        return float(-(-earliest // TICK_SECONDS) * TICK_SECONDS)


def request(body: object) -> dict[str, Any]:
    """Return the event of an import over HTTPS.

    Without a body the request is refused; it only warms the function up.
    """
    event: dict[str, Any] = json.loads(
        (ROOT / "events/import_accounts/one_account.json").read_text()
    )
    return {**event, "body": json.dumps(body), "isBase64Encoded": False}


def _accounts(count: int, prefix: str) -> list[dict[str, Any]]:
    return [
        {
            "accountId": f"{prefix}-{number}",
            "modelId": "model-1",
            "channelId": "channel-1",
            "credentials": {"username": f"user-{number}", "password": f"secret-{number}"},
            "config": {"city": "Lisbon"},
        }
        for number in range(count)
    ]
