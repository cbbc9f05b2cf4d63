"""`flamebot imports`: list, show and cancel imports by file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Final

from cli.client import Api, segment
from cli.failures import Exit
from cli.import_report import Report, note_missing, plural
from cli.import_watch import fetch, watch
from cli.large_import import reject_row
from cli.options import Commands, count
from cli.output import Output, choose, moment

_SCREEN: Final = 20  # imports that a person is shown without --limit
_COLUMNS: Final = (
    "importId",
    "status",
    "fileName",
    "percent",
    "rowsRead",
    "imported",
    "started",
    "rejected",
)


def add(commands: Commands) -> None:
    """Register `flamebot imports` and its commands."""
    group = commands.group("imports", "show imports by file and their rejected rows, or cancel one")
    parser = group.add(
        "list",
        run_list,
        "list imports by file, newest first",
        "With --json the list is complete. If --limit leaves some out, a warning is printed to\n"
        "standard error, and the exit status is 6.",
    )
    parser.add_argument(
        "--limit",
        type=count,
        metavar="N",
        help=f"list at most N imports (default: {_SCREEN}; with --json: all)",
    )
    parser.add_argument("--all", action="store_true", help="list all imports")
    parser = group.add(
        "show",
        run_show,
        "show an import and its progress",
        "examples:\n"
        "  flamebot imports show ID             its counts, now\n"
        "  flamebot imports show ID --watch     its progress, until it ends",
    )
    parser.add_argument(
        "id", metavar="ID", help="the import's id; `flamebot imports list` shows it"
    )
    parser.add_argument("--watch", action="store_true", help="show progress until the import ends")
    parser = group.add(
        "rejects",
        run_rejects,
        "list the rows that were rejected or not started, with lines and reasons",
        "The first 10,000 of an import are kept. Correct them in a new file and import that.\n"
        "If the import had more, a warning is printed to standard error; with --json the exit\n"
        "status is 6 then.",
    )
    parser.add_argument("id", metavar="ID", help="the import's id")
    parser = group.add(
        "cancel",
        run_cancel,
        "cancel an import: no further row is stored",
        "Accounts that were stored stay, and workflows that were started continue.",
    )
    parser.add_argument("id", metavar="ID", help="the import's id")
    parser.add_argument("--reason", metavar="TEXT", help="the reason, for the audit log")


def run_list(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """List imports, one per line."""
    most = None if args.all else args.limit or (None if output.as_json else _SCREEN)
    items, more = api().listed(
        "/v1/imports", what="The imports cannot be listed", params={}, most=most
    )
    if output.as_json:
        output.json(items)
    else:
        output.table(
            ["ID", "STATUS", "FILE", "%", "ROWS", "IMPORTED", "STARTED", "REJECTED", "CREATED"],
            [[*choose(item, *_COLUMNS), moment(item["createdAt"])] for item in items],
        )
    if more:
        output.note(f"These are the latest {most}; there are more: --all prints them.")
    return Exit.PARTIAL if more and output.as_json else Exit.OK


def run_show(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Show an import, at once or when it has ended."""
    shown = watch(api(), args.id, output) if args.watch else fetch(api(), args.id)
    output.end_progress()
    if output.as_json:
        output.json(shown)
    else:
        output.fields({_words(name): value for name, value in shown.items()})
    return Exit.OK


def run_rejects(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """List every rejected row that is kept."""
    # Before the list: of an import that is running, the list may have more rows than these counts.
    shown = fetch(api(), args.id)
    items = list(
        api().pages(
            f"/v1/imports/{segment(args.id)}/rejects",
            what="The rejected rows cannot be listed",
            params={},
            most=None,
        )
    )
    if output.as_json:
        output.json(items)
    else:
        Report(problems=[reject_row(item) for item in items]).show_problems(output)
    missing = shown["rejected"] + shown["notStarted"] - len(items)
    note_missing(missing, len(items), output)
    return Exit.PARTIAL if missing > 0 and output.as_json else Exit.OK


def run_cancel(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Cancel an import and report what stays stored."""
    body = {} if args.reason is None else {"reason": args.reason}
    shown = (
        api()
        .post(f"/v1/imports/{segment(args.id)}/cancel", body, what="The import was not cancelled")
        .body
    )
    if output.as_json:
        output.json(shown)
    else:
        output.line(
            f"cancelled after {plural(shown['rowsRead'], 'row')}:"
            f" {plural(shown['imported'], 'account')} stay stored,"
            f" {plural(shown['started'], 'workflow')} continue"
        )
    return Exit.OK


def _words(name: str) -> str:
    """Return a field's name in words: "rows read" for rowsRead."""
    return re.sub(r"[A-Z]", lambda capital: f" {capital[0].lower()}", name)
