"""`flamebot start`, `pause`, `resume`, `stop`, `retry`, `run-now` and `skip-step`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from cli.client import Api, segment
from cli.failures import Exit, Failure
from cli.lookup import find, global_pause, note_global_pause
from cli.options import Commands
from cli.output import Output, moment

_ACTIONS: Final = {
    "pause": (
        "pause workflows; a running step finishes, later steps wait",
        "flamebot resume {account}",
    ),
    "resume": ("resume paused workflows", "flamebot pause {account}"),
    "stop": ("stop workflows permanently and cancel their running jobs", None),
    "retry": ("retry failed workflows from the step that failed", None),
    "run-now": ("run the next step now instead of at its due time", None),
    "skip-step": ("skip the waiting step and continue with the one after it", None),
}
_EXAMPLES: Final = """examples:
  flamebot {action} acct-001
  flamebot {action} acct-001 acct-002 --reason "requested by the owner"
  flamebot list --type test{status} --quiet | xargs -r flamebot {action}
{more}
The exit status is 5 if a workflow's status does not allow the action, and 6 if it succeeded for
some workflows only."""
_MORE: Final = {
    "retry": "  flamebot retry --error-code outcome_unknown --dry-run\n"
    "  flamebot retry --error-code outcome_unknown --updated-after 2026-11-23T22:00:00Z\n"
}
_LISTED: Final = {"resume": "paused", "retry": "failed"}
_SHOWN: Final = 20  # rows of a dry run
_STARTS: Final = ("resume", "retry", "run-now", "skip-step")  # a step may begin then


def add(commands: Commands) -> None:
    """Add the commands to the command line."""
    parser = commands.add(
        "start",
        run_start,
        "start a workflow for accounts without a live one",
        "examples:\n  flamebot start acct-001\n"
        "  flamebot start acct-001 acct-002 --type aggressive",
    )
    parser.add_argument("ids", nargs="+", metavar="ACCOUNT", help="the id of an account")
    parser.add_argument(
        "--type",
        dest="workflow_type",
        default="default",
        metavar="TYPE",
        help="the type of the definition (default: default)",
    )
    parser.add_argument("--reason", metavar="TEXT", help="the reason, for the audit log")
    for action, (summary, _) in _ACTIONS.items():
        status = f" --status {_LISTED.get(action, 'active')}"
        parser = commands.add(
            action,
            run_retry if action == "retry" else run_control,
            summary,
            _EXAMPLES.format(action=action, status=status, more=_MORE.get(action, "")),
        )
        parser.set_defaults(action=action)
        parser.add_argument(
            "ids",
            nargs="*" if action == "retry" else "+",
            metavar="ID",
            help="the id of a workflow, or of an account for its live or latest workflow",
        )
        if action == "retry":
            _add_filters(parser)
        parser.add_argument("--reason", metavar="TEXT", help="the reason, for the audit log")
        if action == "resume":
            parser.add_argument(
                "--clock",
                choices=("freeze", "run_on"),
                default="freeze",
                help="freeze (default): wait the time that was left at the pause; run_on: keep"
                " the old due time",
            )
        if action == "stop":
            parser.add_argument(
                "-y", "--yes", action="store_true", help="do not ask for confirmation"
            )


def _add_filters(parser: argparse.ArgumentParser) -> None:
    """Add the options that select failed workflows in the place of ids."""
    parser.add_argument(
        "--error-code", metavar="CODE", help="all that failed with this code, without any ID"
    )
    parser.add_argument("--type", metavar="TYPE", help="with --error-code: only this definition")
    parser.add_argument(
        "--updated-after",
        metavar="TIME",
        help="with --error-code: only those that failed since (RFC 3339, schedule time)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="with --error-code: list them and retry none"
    )


def _selected(args: argparse.Namespace, http: Api) -> list[dict[str, Any]]:
    """Return the failed workflows that the options select, all of them."""
    if args.ids or not args.error_code:
        raise Failure(
            "Nothing was retried",
            "Name workflows, or select failed ones with --error-code, and not both.",
            "`flamebot list --status failed` shows them with their errors.",
            exit=Exit.USAGE,
        )
    params = {"status": "failed", "errorCode": args.error_code}
    params |= {"type": args.type, "updatedAfter": args.updated_after}
    found, _ = http.listed(
        "/v1/workflows", what="The workflows cannot be listed", params=params, most=None
    )
    return found


def run_retry(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Retry the workflows that are named, or all that failed with a code."""
    if args.ids and not (args.error_code or args.dry_run):
        return run_control(args, api, output)
    found = _selected(args, api())
    if args.dry_run:
        if output.as_json:
            output.json(found)
        else:
            output.line(f"{len(found):,} failed workflows would be retried.")
            rows = [[one["accountId"], one["id"], one["lastError"]] for one in found[:_SHOWN]]
            if rows:
                output.table(["ACCOUNT", "WORKFLOW", "LAST ERROR"], rows)
            if len(found) > _SHOWN:
                output.note(f"These are the first {_SHOWN}.")
        return Exit.OK
    if not found:
        output.note(f"No failed workflow has the code {args.error_code}.")
        return Exit.OK
    args.ids = [one["id"] for one in found]
    ended = run_control(args, api, output)
    output.note(f"{len(found):,} workflows were selected.")
    return ended


def run_start(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Start a workflow for each account."""
    body = {"workflowType": args.workflow_type, **_reason(args)}
    http = api()

    def start(account: str) -> dict[str, Any]:
        path = f"/v1/accounts/{segment(account)}/workflows"
        workflow: dict[str, Any] = http.post(
            path, body, what=f"No workflow was started for {account}"
        ).body
        return workflow

    ended = _each(args.ids, start, output, "next: flamebot history {account} --follow")
    if ended in (Exit.OK, Exit.PARTIAL):
        note_global_pause(global_pause(http), output)
    return ended


def run_control(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Run the action on each workflow."""
    body = _reason(args) | ({"clock": args.clock} if args.action == "resume" else {})
    if args.action == "stop" and not args.yes and sys.stdin.isatty() and not _confirmed(args.ids):
        raise Failure("Nothing was stopped", "You did not confirm.", exit=Exit.USAGE)
    http = api()
    pause = cache(lambda: global_pause(http) if args.action in _STARTS else None)
    suspended: list[str] = []

    def change(name: str) -> dict[str, Any]:
        what = f"{args.action} of {name} failed"
        workflow = find(http, name, what=what)
        pause()
        if args.action == "retry" and str(workflow["lastError"]).startswith("account_suspended"):
            suspended.append(workflow["accountId"])
        try:
            changed: dict[str, Any] = http.post(
                f"/v1/workflows/{segment(workflow['id'])}/{args.action}", body, what=what
            ).body
        except Failure as failure:
            failure.next = failure.next or _advice(failure.code, workflow)
            raise
        return changed

    undo = _ACTIONS[args.action][1]
    ended = _each(args.ids, change, output, f"undo: {undo}" if undo else None)
    if ended in (Exit.OK, Exit.PARTIAL):
        note_global_pause(pause(), output)
        for account in suspended:
            output.note(
                f"{account} was suspended at the actions service. The step fails again unless the"
                " service reports it as active by now."
            )
    return ended


def _advice(code: str | None, workflow: dict[str, Any]) -> str | None:
    """Return what helps after a refusal, for this workflow."""
    follow = f"`flamebot history {workflow['id']} --follow` shows"
    if code == "busy" and workflow["status"] == "paused":
        return f"`flamebot resume {workflow['accountId']}` lets the step end."
    if code == "busy":
        return f"{follow} when the step has ended."
    if code != "not_allowed":
        return None
    if workflow["status"] == "stopping":
        return f"{follow} when it has stopped."
    return f"`flamebot start {workflow['accountId']}` starts another workflow."


def _confirmed(names: list[str]) -> bool:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    print(
        f"Stop {shown}? A stopped workflow cannot be resumed. [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _each(
    names: list[str], do: Callable[[str], dict[str, Any]], output: Output, then: str | None
) -> Exit:
    """Call `do` for each name; a failure is printed and does not stop the others."""
    done, failures = [], []
    for name in dict.fromkeys(names):
        try:
            done.append(do(name))
        except Failure as failure:
            if failure.exit is Exit.AUTH or (
                failure.status is None and failure.exit is Exit.FAILURE
            ):
                raise  # without a token or an API the others would fail too
            failures.append(failure)
            output.failure(failure)
        else:
            _print_workflow(done[-1], output, then if len(names) == 1 else None)
    if output.as_json:
        output.json(done[0] if len(names) == 1 and done else done)
    if not failures:
        return Exit.OK
    return Exit.PARTIAL if done else failures[0].exit


def _print_workflow(workflow: dict[str, Any], output: Output, then: str | None) -> None:
    if output.as_json:
        return
    flight = (
        "  a running step may still finish"
        if workflow["effectInFlight"] and workflow["status"] in ("paused", "stopping")
        else ""
    )
    due = f"  next action {moment(workflow['nextActionAt'])}" if workflow["nextActionAt"] else ""
    output.line(
        f"{workflow['accountId']}  {workflow['id']}  {output.paint(workflow['status'])}"
        f"{due}{flight}"
    )
    if then:
        output.note(then.format(account=workflow["accountId"]))


def _reason(args: argparse.Namespace) -> dict[str, str]:
    return {"reason": args.reason} if args.reason else {}
