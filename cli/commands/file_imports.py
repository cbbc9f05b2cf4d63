"""Imports by file: `flamebot import` for large files, and `flamebot imports`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, Final

from cli import accounts_file
from cli.client import Answer, Api, segment
from cli.failures import Exit, Failure
from cli.file_upload import content_key, upload
from cli.options import Commands, count
from cli.output import Output, choose, moment

_LISTED: Final = 50  # rejected rows on a screen
_LOOK_SECONDS: Final = 1.0
_MISSES: Final = 30  # looks in a row that may fail while we watch
_OVER: Final = ("completed", "failed", "cancelled")
_WHAT: Final = "The import cannot be shown"


def add(commands: Commands) -> None:
    """Tell argparse."""
    group = commands.group("imports", "show imports by file and their rejected rows, or cancel one")
    parser = group.add("list", run_list, "list imports by file, newest first")
    parser.add_argument(
        "--limit", type=count, default=20, metavar="N", help="how many (default: 20)"
    )
    parser = group.add(
        "show",
        run_show,
        "show how far an import is",
        "examples:\n  flamebot imports show ID --watch",
    )
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--watch", action="store_true", help="until it is over")
    parser = group.add(
        "rejects", run_rejects, "list the rows that were rejected, with their lines and reasons"
    )
    parser.add_argument("id", metavar="ID")
    parser = group.add(
        "cancel",
        run_cancel,
        "end an import: no further row is stored; what was stored stays, workflows go on",
    )
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--reason", metavar="TEXT", help="why; kept in the audit log")


def send(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Send a file as a whole and watch it being imported. The same file again is the same import: it resumes."""
    path = args.file
    csv = path.suffix.lower() == ".csv"
    if csv:
        accounts_file.check_header(path)
    order = {
        "bytes": path.stat().st_size,
        "format": "csv" if csv else "jsonl",
        "fileName": path.name,
        "startAutomation": args.start if args.start is not None else True,
        "workflowType": args.workflow_type or "default",
        "spreadSeconds": args.spread or 0,
    }
    created = _patiently(
        output,
        lambda: api().post(
            "/v1/imports",
            order,
            what="The import was not begun",
            headers={"Idempotency-Key": content_key(path, order)},
        ),
    )
    shown = created.body
    replayed = "Idempotent-Replayed" in created.headers
    import_id = shown["importId"]
    if shown["status"] not in _OVER:
        output.note(
            f"{'going on with' if replayed else 'import'} {import_id}. Ctrl-C stops watching, not the import; the same command resumes."
        )
    try:
        if shown.get("upload"):
            upload(
                path,
                shown["upload"],
                lambda sent: output.progress(
                    f"sending: {_bar(sent, order['bytes'])} of {order['bytes'] / 1e6:,.0f} MB"
                ),
            )
        shown = _watch(api(), import_id, output)
    except KeyboardInterrupt:
        output.note(
            f"Not watching any more. See `flamebot imports show {import_id}`; end it with `flamebot imports cancel {import_id}`."
        )
        raise
    return _tell(api(), shown, output, replayed=replayed and created.body["status"] == "completed")


def run_list(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """One line each."""
    items = list(
        api().pages("/v1/imports", what="The imports cannot be listed", params={}, most=args.limit)
    )
    if output.as_json:
        output.json(items)
        return Exit.OK
    output.table(
        ["ID", "STATUS", "FILE", "%", "ROWS", "IMPORTED", "STARTED", "REJECTED", "CREATED"],
        [
            [
                *choose(
                    item,
                    "importId",
                    "status",
                    "fileName",
                    "percent",
                    "rowsRead",
                    "imported",
                    "started",
                    "rejected",
                ),
                moment(item["createdAt"]),
            ]
            for item in items
        ],
    )
    return Exit.OK


def run_show(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """All that is told of one."""
    shown = _watch(api(), args.id, output) if args.watch else _look(api(), args.id)
    output.end_progress()
    if output.as_json:
        output.json(shown)
    else:
        output.fields(shown)
    return Exit.OK


def run_rejects(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Every one that is kept."""
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
        _table(items, output)
    return Exit.OK


def run_cancel(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """End it."""
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
            f"cancelled after {shown['rowsRead']:,} rows; {shown['imported']:,} accounts stay, {shown['started']:,} workflows go on"
        )
    return Exit.OK


def _look(api: Api, import_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = api.get(f"/v1/imports/{segment(import_id)}", what=_WHAT).body
    return shown


def _watch(api: Api, import_id: str, output: Output) -> dict[str, Any]:
    """Look until it is over, and show how far it is."""
    began, first, misses = time.monotonic(), None, 0
    while True:
        try:
            shown = _look(api, import_id)
            misses = 0
        except Failure as failure:
            misses += 1
            if misses > _MISSES or (
                failure.status is not None and failure.status < 500 and failure.status != 429
            ):
                raise
            time.sleep(_LOOK_SECONDS)
            continue
        if shown["status"] in _OVER:
            return shown
        first = shown if first is None else first
        spent = time.monotonic() - began
        rate = (shown["rowsRead"] - first["rowsRead"]) / spent if spent > 2 else 0
        ahead = shown["bytesRead"] - first["bytesRead"]
        left = (
            f", about {_span((shown['bytes'] - shown['bytesRead']) * spent / ahead)} left"
            if ahead and spent > 2
            else ""
        )
        speed = f", {rate:,.0f} a second" if rate else ""
        rejected = f", {shown['rejected']:,} rejected" if shown["rejected"] else ""
        output.progress(
            f"importing: {_bar(shown['bytesRead'], shown['bytes'])}, {shown['rowsRead']:,} rows{rejected}{speed}{left}"
        )
        time.sleep(_LOOK_SECONDS if spent > 3 else 0.2)


def _tell(api: Api, shown: dict[str, Any], output: Output, *, replayed: bool) -> Exit:
    output.end_progress()
    bad = shown["rejected"] + shown["notStarted"]
    path = f"/v1/imports/{segment(shown['importId'])}/rejects"
    rejects = (
        list(api.pages(path, what=_WHAT, params={}, most=None if output.as_json else _LISTED))
        if bad
        else []
    )
    if output.as_json:
        output.json(
            {**_summary(shown, replayed=replayed), "rejects": [_reject(item) for item in rejects]}
        )
    else:
        if rejects:
            _table(rejects, output)
            output.line(
                f"... and {bad - len(rejects):,} more: flamebot imports rejects {shown['importId']}"
                if bad > len(rejects)
                else ""
            )
        active = (
            f", {shown['alreadyActive']:,} had a live workflow" if shown["alreadyActive"] else ""
        )
        output.line(
            f"{shown['rowsRead']:,} rows: {shown['imported']:,} imported, {shown['started']:,} started{active}, {bad:,} with problems"
        )
        if replayed:
            output.line(
                "This file was imported by an earlier run within a day: nothing was done twice, this is its result."
            )
    if shown["status"] != "completed":
        code, _, why = (shown["error"] or f"cancelled: It was {shown['status']}.").partition(": ")
        after = "What was stored stays. Mend the file and run the command again: what is there is updated, live workflows are left alone."
        raise Failure(
            f"The import was {shown['status']} after {shown['rowsRead']:,} rows",
            why,
            after,
            code=code,
        )
    if shown["rowsRead"] == 0:
        raise Failure("Nothing was imported", "The file holds no accounts.", exit=Exit.USAGE)
    if shown["started"] and not output.as_json:
        output.note("next: flamebot list, flamebot status")
    return Exit.PARTIAL if bad else Exit.OK


def _summary(shown: dict[str, Any], *, replayed: bool) -> dict[str, Any]:
    """As a small import tells it, and which one it was."""
    return {
        **{
            name: shown[name]
            for name in ("importId", "status", "imported", "started", "alreadyActive", "rejected")
        },
        "rows": shown["rowsRead"],
        "replayed": shown["rowsRead"] if replayed else 0,
    }


def _reject(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "row": f"line {item['row']}",
        "flamebotId": item["flamebotId"],
        "what": _what(item),
        "reason": _reason(item),
    }


def _table(items: list[dict[str, Any]], output: Output) -> None:
    output.table(
        ["ROW", "ACCOUNT", "WHAT", "REASON"],
        [[f"line {item['row']}", item["flamebotId"], _what(item), _reason(item)] for item in items],
    )


def _what(item: dict[str, Any]) -> str:
    return "imported, not started" if item["code"] == "account_incomplete" else "rejected"


def _reason(item: dict[str, Any]) -> str:
    return "; ".join(
        f"{issue['pointer'].lstrip('/')} {issue['detail']}".strip() for issue in item["errors"]
    )


def _patiently(output: Output, call: Callable[[], Answer]) -> Answer:
    """Once more while the API is busy: the request has a key."""
    for wait in (1.0, 2.0, 4.0, None):
        try:
            return call()
        except Failure as failure:
            if wait is None or failure.status not in (None, 429, 500, 502, 503, 504):
                raise
            output.note(f"{failure.why} Trying again in {wait:.0f} s.")
            time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _bar(done: int, whole: int) -> str:
    share = min(1.0, done / whole) if whole else 1.0
    full = int(share * 20)
    return f"[{'#' * full}{'-' * (20 - full)}] {share:4.0%}"


def _span(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 6000
        else f"{seconds / 3600:.1f} h"
    )
