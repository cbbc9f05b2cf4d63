"""`flamebot dev`: the local stack in the foreground, until Ctrl-C or SIGTERM."""

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
from devstack.data_dir import AlreadyRunning
from devstack.migration import MigrationFailed
from devstack.postgres import PostgresUnavailable
from devstack.stack import Options, Stack

DEFAULT_PORT = 8700


class _AskedToStop(BaseException):
    """SIGTERM or SIGINT came."""


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="flamebot dev",
        description="The local stack: the deployed functions on this machine, without Docker.",
    )
    options.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help="of the API; 0 is any free one (default %(default)s)",
    )
    options.add_argument(
        "--data-dir",
        type=Path,
        default=Path(".flamebot"),
        help="kept between runs (default %(default)s)",
    )
    options.add_argument("--ephemeral", action="store_true", help="start empty, keep nothing")
    options.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="engine seconds per real second (default %(default)s)",
    )
    options.add_argument("--no-tick", action="store_true", help="tick only on POST /dev/tick")
    options.add_argument(
        "--actions-url", help="an actions service of your own, instead of the simulated one"
    )
    options.add_argument(
        "--seed",
        choices=("demo", "none"),
        default="none",
        help="import demo accounts (default %(default)s)",
    )
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stack; 0 when it was asked to stop, 1 when it could not start, 2 for wrong options."""
    given = parser().parse_args(argv)
    began = time.monotonic()
    if not _is_free(given.port):
        print(
            f"flamebot dev: port {given.port} is taken. Name another with --port, or any free one with --port 0.",
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

    def ask(_number: int, _frame: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # once is enough: stopping takes a moment
        raise _AskedToStop

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    try:
        facts = stack.start()
        if given.seed == "demo":
            seed(facts)
        stack.announce(facts)
        print(banner(facts, given.data_dir, time.monotonic() - began), flush=True)
        Event().wait()
    except _AskedToStop:
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
    """Import the demo's accounts; those that are there already keep what they do."""
    headers = {"authorization": f"Bearer {facts['token']}", "content-type": "application/json"}
    with httpx.Client(
        base_url=facts["apiUrl"], headers=headers, timeout=30, trust_env=False
    ) as api:
        for path in sorted((ROOT / "events" / "import_accounts").glob("demo_*.json")):
            event = json.loads(path.read_text())
            api.post(event["rawPath"], content=event["body"]).raise_for_status()


def banner(facts: dict[str, Any], data_dir: Path, seconds: float) -> str:
    """What a person needs to go on. No secret is shown."""
    clock = "wall time" if facts["speed"] == 1 else f"{facts['speed']:g} times wall time"
    return f"""
  flamebot dev: the local stack, not for production

    API       {facts["apiUrl"]}/v1
    Actions   {facts["actionsUrl"]}
    AWS       {facts["awsEndpointUrl"]}
    Clock     {clock}; POST /dev/clock {{"advance": "2h"}} moves it, POST /dev/tick ticks
    Data      {data_dir}/  (stack.json: addresses and token; logs/: one log per function)

  Next: flamebot import accounts.json · flamebot status · flamebot list

  Ready in {seconds:.1f} s. Ctrl-C stops everything.
"""


if __name__ == "__main__":
    sys.exit(main())
