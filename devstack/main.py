"""`flamebot dev`: the local stack in the foreground until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import httpx

from devstack.child import ROOT, ChildFailed
from devstack.cluster import PostgresUnavailable
from devstack.data_dir import AlreadyRunning
from devstack.migration import MigrationFailed
from devstack.stack import Options, Stack

DEFAULT_PORT = 8700


class _StopRequested(BaseException):
    """SIGTERM or SIGINT was received."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser(
        prog="flamebot dev",
        description="Run the whole system on this machine: the deployed functions, Postgres and an "
        "AWS emulator. No Docker is needed. Ctrl-C stops everything.",
    )
    options.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help="port of the API; 0 for any free one (default: %(default)s)",
    )
    options.add_argument(
        "--data-dir",
        type=Path,
        default=Path(".flamebot"),
        help="directory for the data that is kept between runs (default: %(default)s)",
    )
    options.add_argument(
        "--ephemeral", action="store_true", help="start with empty data and delete it at the end"
    )
    options.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="seconds of schedule time per wall-clock second (default: %(default)s)",
    )
    options.add_argument(
        "--no-tick", action="store_true", help="do not tick every minute, only on POST /dev/tick"
    )
    options.add_argument(
        "--actions-url", metavar="URL", help="use this actions service instead of the simulated one"
    )
    options.add_argument(
        "--seed",
        choices=("demo", "none"),
        default="none",
        help="`demo` imports the demo accounts at start (default: %(default)s)",
    )
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stack and return the exit status.

    The status is 0 after a requested stop, 1 if the stack cannot start, and 2 for wrong options.
    """
    given = parser().parse_args(argv)
    began = time.monotonic()
    if not _is_free(given.port):
        print(
            f"flamebot dev: port {given.port} is in use. Choose another with --port, or"
            " --port 0 for any free one.",
            file=sys.stderr,
        )
        return 1
    stack = Stack(
        Options(
            port=given.port,
            data_dir=given.data_dir,
            ephemeral=given.ephemeral,
            speed=given.speed,
            tick=not given.no_tick,
            actions_url=given.actions_url,
        )
    )

    def request_stop(_number: int, _frame: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # a second signal must not interrupt the stop
        raise _StopRequested

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, request_stop)
    try:
        facts = stack.start()
        if given.seed == "demo":
            seed(facts)
        stack.announce(facts)
        print(banner(facts, given.data_dir, time.monotonic() - began), flush=True)
        Event().wait()
    except _StopRequested:
        return 0
    except (
        AlreadyRunning,
        ChildFailed,
        MigrationFailed,
        PostgresUnavailable,
        ValueError,
        OSError,
    ) as error:
        print(f"flamebot dev: {error}", file=sys.stderr)
        return 1
    finally:
        stack.stop()
    return 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def seed(facts: dict[str, Any]) -> None:
    """Import the demo's accounts; accounts that exist keep their workflows."""
    headers = {"authorization": f"Bearer {facts['token']}", "content-type": "application/json"}
    with httpx.Client(
        base_url=facts["apiUrl"], headers=headers, timeout=30, trust_env=False
    ) as api:
        for path in sorted((ROOT / "events" / "import_accounts").glob("demo_*.json")):
            event = json.loads(path.read_text())
            api.post(event["rawPath"], content=event["body"]).raise_for_status()


def banner(facts: dict[str, Any], data_dir: Path, seconds: float) -> str:
    """Return the text that is printed when the stack is ready. It contains no secret."""
    clock = "wall time" if facts["speed"] == 1 else f"{facts['speed']:g} times wall time"
    return f"""
  flamebot dev: the local stack, not for production

    API       {facts["apiUrl"]}/v1
    Actions   {facts["actionsUrl"]}
    AWS       {facts["awsEndpointUrl"]}
    Clock     {clock}; POST /dev/clock {{"advance": "2h"}} moves it, POST /dev/tick ticks
    Data      {data_dir}/  (stack.json: addresses and token; logs/: one log per function)
    Code      a change in functions/ or layers/engine/src takes effect at the next invocation;
              a change in sql/, definitions/, template.yaml or devstack/ needs a restart

  Next: flamebot import accounts.json · flamebot status · flamebot list

  Ready in {seconds:.1f} s. Ctrl-C stops everything.
"""


if __name__ == "__main__":
    sys.exit(main())
