"""`flamebot services`: the services that steps call, and their circuit breakers."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from cli.client import Api
from cli.failures import Exit
from cli.options import Commands
from cli.output import Output, moment

_NAMES = ("actions_service", "ai_service")
_STATES = {"closed": "closed", "half_open": "half open", "open": "open"}
_EXAMPLES = {
    "list": """A breaker opens by itself when a service stops responding. Its tasks wait then: none
fails and none counts an attempt. One task is tried every few seconds, and once it
is answered the others are released at a growing rate.

examples:
  flamebot services list
  flamebot services list --json""",
    "open": """Open a breaker by hand before a planned downtime: no task of the service begins, and
none is tried, until it is closed by hand. Cancellations go on.

examples:
  flamebot services open actions_service --reason "their maintenance, 22:00 to 23:00\"""",
    "close": """The waiting tasks are released at a growing rate. If the service still does not
respond, the breaker opens again by itself.

examples:
  flamebot services close actions_service""",
}


def add(commands: Commands) -> None:
    """Add the commands to the command line."""
    group = commands.group("services", "show the services that steps call; open or close them")
    group.add("list", run_list, "show the state of each service", _EXAMPLES["list"])
    for action, summary in (
        ("open", "hold back all tasks of a service until it is closed by hand"),
        ("close", "let the tasks of an open service continue"),
    ):
        parser = group.add(action, run_change, summary, _EXAMPLES[action])
        parser.set_defaults(action=action)
        parser.add_argument("name", choices=_NAMES, metavar="NAME", help=" or ".join(_NAMES))
        parser.add_argument("--reason", metavar="TEXT", help="the reason, for the audit log")


def run_list(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:  # noqa: ARG001  # every command takes its arguments
    """Print both services, and when they were open."""
    found = api().get("/v1/services", what="The services cannot be shown").body
    if output.as_json:
        output.json(found)
        return Exit.OK
    output.table(
        ["SERVICE", "STATE", "SINCE", "ANSWERED", "REFUSED", "FAILED", "WAITING", "DETAIL"],
        [_row(service) for service in found["items"]],
    )
    openings = [
        [
            service["name"],
            moment(o["openedAt"]),
            moment(o["endedAt"]),
            o["reason"],
            o["error"] or "",
        ]
        for service in found["items"]
        for o in service["openings"]
    ]
    if openings:
        output.line()
        output.table(["OPENINGS", "FROM", "TO", "REASON", "LAST FAILURE"], openings)
    output.note("Calls are those of the last minute. Times are in schedule time.")
    return Exit.OK


def _row(service: dict[str, Any]) -> list[object]:
    calls = service["calls"]
    return [
        service["name"],
        _STATES[service["state"]],
        moment(service["since"]),
        calls["answered"],
        calls["refused"],
        calls["throttled"] + calls["denied"] + calls["unknown"],
        service["heldBack"],
        detail(service),
    ]


def detail(service: dict[str, Any]) -> str:
    """Return in words what a breaker does now."""
    if service["isManual"]:
        return f"opened by {service['changedBy']}: {service['reason']}"
    if service["state"] == "open":
        return f"{service['reason']}; next probe {moment(service['nextProbeAt'])}"
    if service["perSecond"] is not None:
        return f"releases {service['perSecond']:.0f} tasks a second"
    return "-"


def run_change(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Open or close a breaker by hand."""
    body = {"reason": args.reason} if args.reason else {}
    service = (
        api()
        .post(f"/v1/services/{args.name}/{args.action}", body, what=f"{args.action} failed")
        .body
    )
    if output.as_json:
        output.json(service)
        return Exit.OK
    state = _STATES[service["state"]]
    output.line(f"{service['name']} is {state} since {moment(service['since'])}.")
    if args.action == "open":
        output.line("None of its tasks begins. Steps that have begun finish.")
        output.note(f"undo: flamebot services close {service['name']}")
    elif service["heldBack"]:
        output.line(f"{service['heldBack']:,} tasks wait; they are released at a growing rate.")
    return Exit.OK
