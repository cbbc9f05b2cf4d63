"""`flamebot list`, `show` and `history`: what there is, how it stands, what it did."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from cli.client import Api, segment
from cli.failures import Exit, Failure
from cli.options import Commands, count
from cli.output import Output, choose, moment, printable

STATUSES: Final = ("active", "paused", "stopping", "completed", "failed", "stopped")
LIVE: Final = ("active", "paused", "stopping")
_FOLLOW_SECONDS: Final = 1.0


def add(commands: Commands) -> None:
    """Tell argparse."""
    parser = commands.add(
        "list",
        run_list,
        "list workflows, newest first",
        "examples:\n  flamebot list --status failed\n  flamebot list --type default --step swipe --all\n"
        "  flamebot list --status failed --quiet | xargs flamebot retry",
    )
    parser.add_argument("--status", choices=STATUSES, help="only those in this status")
    parser.add_argument("--type", metavar="TYPE", help="only those of this definition")
    parser.add_argument("--account", metavar="ACCOUNT", help="only those of this account")
    parser.add_argument("--step", metavar="STEP", help="only those at this step")
    parser.add_argument(
        "--error", metavar="TEXT", help="only those whose last error holds this text"
    )
    parser.add_argument(
        "--due-before",
        metavar="TIME",
        help="only those whose next action is due before this time (RFC 3339)",
    )
    parser.add_argument(
        "--limit", type=count, default=50, metavar="N", help="at most so many (default: 50)"
    )
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="ids alone, for the next command"
    )

    parser = commands.add(
        "show",
        run_show,
        "show a workflow",
        "examples:\n  flamebot show acct-001\n  flamebot show acct-001 --json",
    )
    parser.add_argument(
        "id", metavar="ID", help="a workflow's id, or an account's for its live or latest workflow"
    )

    parser = commands.add(
        "history",
        run_history,
        "show what a workflow did, oldest first",
        "examples:\n  flamebot history acct-001\n  flamebot history acct-001 --follow      until the workflow is over",
    )
    parser.add_argument(
        "id", metavar="ID", help="a workflow's id, or an account's for its live or latest workflow"
    )
    parser.add_argument(
        "--limit", type=count, metavar="N", help="at most so many steps (default: all)"
    )
    parser.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="go on until the workflow is over; exits with 1 if it failed",
    )


def find(api: Api, name: str, *, what: str) -> dict[str, Any]:
    """A workflow by its id, or by its account's: the live one, else the latest. Raises `Failure`."""
    if len(name) == 36 and name.count("-") == 4:
        try:
            workflow: dict[str, Any] = api.get(f"/v1/workflows/{segment(name)}", what=what).body
        except Failure as failure:
            if failure.exit is not Exit.NOT_FOUND:
                raise
        else:
            return workflow
    items = api.get("/v1/workflows", what=what, params={"accountId": name, "limit": 50}).body[
        "items"
    ]
    if not items:
        raise Failure(
            what,
            f"There is neither a workflow nor an account with a workflow called {name}.",
            f"`flamebot start {name}` starts one.",
            Exit.NOT_FOUND,
        )
    return next((item for item in items if item["status"] in LIVE), items[0])


def run_list(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """A table of workflows."""
    filters = {
        "status": args.status,
        "type": args.type,
        "accountId": args.account,
        "stepId": args.step,
    }
    filters |= {"error": args.error, "dueBefore": args.due_before}
    most = None if args.all else args.limit
    items = list(
        api().pages(
            "/v1/workflows", what="The workflows cannot be listed", params=filters, most=most
        )
    )
    if args.quiet:
        for item in items:
            output.line(item["id"])
    elif output.as_json:
        output.json(items)
    else:
        head = ["ACCOUNT", "WORKFLOW", "TYPE", "STATUS", "STEP", "NEXT ACTION", "LAST ERROR"]
        output.table(head, [_row(item) for item in items])
        if not items:
            output.note("No workflow fits. `flamebot import FILE` starts some.")
        elif len(items) == most:
            output.note(f"The latest {most}; more with --limit or --all.")
    return Exit.OK


def _row(item: dict[str, Any]) -> list[object]:
    kind = f"{item['workflowType']} v{item['workflowVersion']}"
    step = f"{item['currentStepId'] or '-'} ({min(item['currentStep'] + 1, item['totalSteps'])}/{item['totalSteps']})"
    return [
        *choose(item, "accountId", "id"),
        kind,
        item["status"],
        step,
        moment(item["nextActionAt"]),
        item["lastError"],
    ]


def run_show(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """One workflow."""
    item = find(api(), args.id, what=f"{args.id} cannot be shown")
    if output.as_json:
        output.json(item)
        return Exit.OK
    _, _, kind, status, step, due, error = _row(item)
    task = item["task"]
    output.fields(
        {
            "account": item["accountId"],
            "workflow": item["id"],
            "type": kind,
            "status": status,
            "step": step,
            "next action": due,
            "last error": error,
            "task": f"{task['phase']} of {task['stepId']}, {task['status']}, {task['attempts']} attempts"
            if task
            else "-",
            "effect in flight": "yes" if item["effectInFlight"] else "no",
            "loops": ", ".join(f"{name}: {n}" for name, n in item["gotoIterations"].items()) or "-",
            "started": moment(item["startedAt"]),
            "finished": moment(item["finishedAt"]),
            "allowed": ", ".join(item["allowedActions"]) or "-",
        }
    )
    return Exit.OK


def run_history(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """What it did, and with --follow what it does."""
    what = f"The history of {args.id} cannot be shown"
    http = api()
    workflow = find(http, args.id, what=what)
    path = f"/v1/workflows/{segment(workflow['id'])}/history"
    if args.follow:
        return _follow(http, workflow, path, what, output)
    entries = list(http.pages(path, what=what, params={}, most=args.limit))
    if output.as_json:
        output.json(entries)
    else:
        output.table(
            ["#", "STEP", "ACTION", "STATUS", "ATTEMPT", "FINISHED", "RESULT"],
            [_entry(entry) for entry in entries],
        )
    return Exit.OK


def _entry(entry: dict[str, Any]) -> list[object]:
    told = entry["error"] or entry["result"] or None
    return [
        str(entry["sequence"]),
        *choose(entry, "stepId", "action", "status"),
        str(entry["attempt"]),
        moment(entry["finishedAt"]),
        told,
    ]


def _follow(http: Api, workflow: dict[str, Any], path: str, what: str, output: Output) -> Exit:
    for entry in _as_it_happens(http, workflow, path, what):
        if output.as_json:
            output.json_line(entry)
        else:
            number, step, action, status, attempt, finished, told = _entry(entry)
            output.line(
                f"{finished}  #{number}  {step} ({action})  {output.paint(str(status))}  attempt {attempt}  {printable(told)}"
            )
    status = http.get(f"/v1/workflows/{segment(workflow['id'])}", what=what).body["status"]
    output.note(f"The workflow is {status}.")
    return Exit.FAILURE if status == "failed" else Exit.OK


def _as_it_happens(
    http: Api, workflow: dict[str, Any], path: str, what: str
) -> Iterator[dict[str, Any]]:
    """Entries until the workflow is over; the page that is still filling is read again and again."""
    cursor, told = None, -1
    while True:
        status = http.get(f"/v1/workflows/{segment(workflow['id'])}", what=what).body[
            "status"
        ]  # before the page: none is missed
        page = http.get(path, what=what, params={"limit": 200, "cursor": cursor}).body
        for entry in page["items"]:
            if entry["sequence"] > told:
                told = entry["sequence"]
                yield entry
        if page["nextCursor"] is not None:
            cursor = page["nextCursor"]
        elif status not in LIVE:
            return
        else:
            time.sleep(_FOLLOW_SECONDS)
