"""`flamebot list`, `show` and `history`: workflows, their state and their past steps."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from cli.client import Api, segment
from cli.failures import Exit
from cli.lookup import LIVE, find, global_pause
from cli.options import Commands, count
from cli.output import Output, choose, length, moment, printable, times

STATUSES: Final = ("active", "paused", "stopping", "completed", "failed", "stopped")
_FOLLOW_SECONDS: Final = 1.0
_SCREEN: Final = 50  # rows of a table
COMPLETE: Final = """For programs (--quiet, --json) the output is complete. If --limit leaves some
out, a warning is printed to standard error, and the exit status is 6."""


def add(commands: Commands) -> None:
    """Add the commands to the command line."""
    parser = commands.add(
        "list",
        run_list,
        "list workflows, newest first",
        "examples:\n  flamebot list --status failed\n"
        "  flamebot list --type default --step swipe --all\n"
        "  flamebot list --status failed --quiet | xargs -r flamebot retry\n\n"
        f"{COMPLETE}",
    )
    parser.add_argument("--status", choices=STATUSES, help="only workflows in this status")
    parser.add_argument("--type", metavar="TYPE", help="only workflows of this definition")
    parser.add_argument("--account", metavar="ACCOUNT", help="only workflows of this account")
    parser.add_argument("--step", metavar="STEP", help="only workflows at this step")
    parser.add_argument(
        "--error", metavar="TEXT", help="only workflows whose last error contains this text"
    )
    parser.add_argument(
        "--error-code",
        metavar="CODE",
        help="only workflows that failed with this code, or wait because of it",
    )
    parser.add_argument(
        "--updated-after",
        metavar="TIME",
        help="only workflows that changed since this time (RFC 3339, schedule time)",
    )
    parser.add_argument(
        "--due-before",
        metavar="TIME",
        help="only workflows whose next action is due before this time (RFC 3339)",
    )
    parser.add_argument(
        "--limit",
        type=count,
        metavar="N",
        help="print at most N workflows (default: 50; with --quiet or --json: all)",
    )
    parser.add_argument("--all", action="store_true", help="print all workflows")
    parser.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="print ids only, as arguments for another command",
    )

    parser = commands.add(
        "show",
        run_show,
        "show the state of a workflow",
        "examples:\n  flamebot show acct-001\n  flamebot show acct-001 --json",
    )
    parser.add_argument(
        "id",
        metavar="ID",
        help="the id of a workflow, or of an account for its live or latest workflow",
    )

    parser = commands.add(
        "history",
        run_history,
        "show the steps of a workflow, oldest first",
        "examples:\n  flamebot history acct-001\n"
        "  flamebot history acct-001 --follow      until the workflow has ended\n\n"
        f"{COMPLETE}",
    )
    parser.add_argument(
        "id",
        metavar="ID",
        help="the id of a workflow, or of an account for its live or latest workflow",
    )
    parser.add_argument(
        "--limit", type=count, metavar="N", help="print at most N steps (default: all)"
    )
    parser.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="print steps as they happen until the workflow ends; exit with 1 if it failed",
    )


def run_list(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Print a table of workflows."""
    filters = {
        "status": args.status,
        "type": args.type,
        "accountId": args.account,
        "stepId": args.step,
    }
    filters |= {"error": args.error, "errorCode": args.error_code}
    filters |= {"dueBefore": args.due_before, "updatedAfter": args.updated_after}
    for_programs = args.quiet or output.as_json
    most = None if args.all else args.limit or (None if for_programs else _SCREEN)
    items, more = api().listed(
        "/v1/workflows", what="The workflows cannot be listed", params=filters, most=most
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
            if any(value is not None for value in filters.values()):
                output.note("No workflow matches.")
            else:
                output.note("There are no workflows. `flamebot import FILE` starts some.")
    if more:
        output.note(f"These are the latest {most}; there are more: --all prints them.")
    return Exit.PARTIAL if more and for_programs else Exit.OK


def _row(item: dict[str, Any]) -> list[object]:
    kind = f"{item['workflowType']} v{item['workflowVersion']}"
    total = item["totalSteps"]
    step = f"{item['currentStepId'] or '-'} ({min(item['currentStep'] + 1, total)}/{total})"
    return [
        *choose(item, "accountId", "id"),
        kind,
        item["status"],
        step,
        moment(item["nextActionAt"]),
        item["lastError"],
    ]


def run_show(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Print the state of one workflow."""
    http = api()
    item = find(http, args.id, what=f"{args.id} cannot be shown")
    if output.as_json:
        output.json(item)
        return Exit.OK
    _, _, kind, status, step, due, error = _row(item)
    paused = global_pause(http) if item["status"] in LIVE else None
    waits = {"global pause": f"since {moment(paused)}; `flamebot resume-all` ends it"}
    output.fields(
        {
            "account": item["accountId"],
            "workflow": item["id"],
            "type": kind,
            "status": status,
            "step": step,
            "next action": due,
            "last error": error,
            "task": _task(item["task"]),
            "effect in flight": "yes" if item["effectInFlight"] else "no",
            "loops": ", ".join(f"{name}: {n}" for name, n in item["gotoIterations"].items()) or "-",
            "started": moment(item["startedAt"]),
            "finished": moment(item["finishedAt"]),
            "allowed": ", ".join(item["allowedActions"]) or "-",
            **_waits(item["task"]),
            **(waits if paused else {}),
        }
    )
    _note_log(http, [item["lastError"]], output)
    return Exit.OK


def _task(task: dict[str, Any] | None) -> str:
    if task is None:
        return "-"
    attempts = "1 attempt" if task["attempts"] == 1 else f"{task['attempts']} attempts"
    return f"{task['phase']} of {task['stepId']}, {task['status']}, {attempts}"


def _waits(task: dict[str, Any] | None) -> dict[str, str]:
    """Return why a task waits, beside its due time."""
    if task is None:
        return {}
    lines = {}
    if task.get("heldBackBy"):
        lines["held back"] = f"by {task['heldBackBy']}; `flamebot services list` shows why"
    if task.get("error"):
        lines["waits because"] = task["error"]
    if task.get("deferrals"):
        lines["deferred"] = (
            f"{times(task['deferrals'])}, {length(task['deferredMs'])} in all,"
            f" last at {moment(task['deferredAt'])}"
        )
    return lines


def _note_log(http: Api, errors: Iterable[str | None], output: Output) -> None:
    """Point to the step function's log on the local stack, if an error is unexpected."""
    log = http.target.log("step")
    if log is not None and any(error and error.startswith("unexpected") for error in errors):
        output.note(f"next: {log} has the unexpected error with file and line.")


def run_history(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Print the past steps, and with --follow each further step."""
    what = f"The history of {args.id} cannot be shown"
    http = api()
    workflow = find(http, args.id, what=what)
    path = f"/v1/workflows/{segment(workflow['id'])}/history"
    if args.follow:
        return _follow(http, workflow, path, what, output)
    entries, more = http.listed(path, what=what, params={}, most=args.limit)
    if output.as_json:
        output.json(entries)
    else:
        output.table(
            ["#", "STEP", "ACTION", "STATUS", "ATTEMPT", "FINISHED", "RESULT"],
            [_entry(entry) for entry in entries],
        )
        if not entries:
            output.note("No step has finished yet.")
        _note_log(http, [entry["error"] for entry in entries], output)
    if more:
        output.note(f"These are the first {args.limit} steps; there are more.")
    return Exit.PARTIAL if more and output.as_json else Exit.OK


def _entry(entry: dict[str, Any]) -> list[object]:
    result = entry["error"] or entry["result"] or None
    if deferrals := entry.get("deferrals"):
        waited = (
            f"deferred {times(deferrals['times'])}, {length(deferrals['ms'])}, {deferrals['code']}"
        )
        result = f"{printable(result)} ({waited})" if result else f"({waited})"
    return [
        str(entry["sequence"]),
        *choose(entry, "stepId", "action", "status"),
        str(entry["attempt"]),
        moment(entry["finishedAt"]),
        result,
    ]


def _follow(http: Api, workflow: dict[str, Any], path: str, what: str, output: Output) -> Exit:
    for entry in _entries_until_the_end(http, workflow, path, what):
        if output.as_json:
            output.json_line(entry)
        else:
            number, step, action, status, attempt, finished, result = _entry(entry)
            output.line(
                f"{finished}  #{number}  {step} ({action})  {output.paint(str(status))}"
                f"  attempt {attempt}  {printable(result)}"
            )
    status = http.get(f"/v1/workflows/{segment(workflow['id'])}", what=what).body["status"]
    output.note(f"The workflow is {status}.")
    return Exit.FAILURE if status == "failed" else Exit.OK


def _entries_until_the_end(
    http: Api, workflow: dict[str, Any], path: str, what: str
) -> Iterator[dict[str, Any]]:
    """Yield entries until the workflow has ended; the last page is read repeatedly."""
    cursor, latest = None, -1
    while True:
        # The status is read before the page: an entry of the end is on the page or on a later one.
        state = http.get(f"/v1/workflows/{segment(workflow['id'])}", what=what).body
        page = http.get(path, what=what, params={"limit": 200, "cursor": cursor}).body
        for entry in page["items"]:
            if entry["sequence"] > latest:
                latest = entry["sequence"]
                yield entry
        if page["nextCursor"] is not None:
            cursor = page["nextCursor"]
        elif state["status"] not in LIVE:
            return
        else:
            time.sleep(_FOLLOW_SECONDS)
