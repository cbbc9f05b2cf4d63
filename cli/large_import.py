"""`flamebot import` for a large file: create an import, upload the file, watch the import."""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from cli import accounts_file, import_watch
from cli.client import Api, Response, segment
from cli.failures import Exit, Failure
from cli.file_upload import content_key, upload
from cli.import_report import NOT_STARTED, REJECTED, Report, note_missing, plural, problem, reason
from cli.output import Output

_LISTED: Final = 50  # rows with problems on a screen; --json prints all
_BACKOFF: Final = (1.0, 2.0, 4.0, None)  # seconds; None: give up
_RETRIED: Final = (None, 429, 500, 502, 503, 504)  # None: no response


def run(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Import a file as a whole. The same file again is the same import: it resumes."""
    path = args.file
    request = {
        "bytes": path.stat().st_size,
        "format": accounts_file.format_of(path),
        "fileName": path.name,
        "startAutomation": args.start if args.start is not None else True,
        "workflowType": args.workflow_type or "default",
        "spreadSeconds": args.spread or 0,
    }
    # The key makes the retry safe, and names the same import when the command is run again.
    salt = secrets.token_hex(8) if args.again else ""
    headers = {"Idempotency-Key": content_key(path, request) + salt}
    created = _with_retries(
        output,
        lambda: api().post(
            "/v1/imports", request, what="The import was not created", headers=headers
        ),
    )
    import_id = created.body["importId"]
    replayed = "Idempotent-Replayed" in created.headers
    if created.body["status"] not in import_watch.ENDED:
        output.note(
            f"{'resuming import' if replayed else 'import'} {import_id}."
            " Ctrl-C stops watching, not the import; the same command resumes."
        )
    try:
        if created.body.get("upload"):
            _upload(path, created.body["upload"], request["bytes"], output)
        shown = import_watch.watch(api(), import_id, output)
    except KeyboardInterrupt:
        output.note(
            f"Stopped watching. `flamebot imports show {import_id}` shows the import,"
            f" `flamebot imports cancel {import_id}` cancels it."
        )
        raise
    finished_before = replayed and created.body["status"] == "completed"
    return _report(api(), shown, output, replayed=finished_before)


def reject_row(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rejected row of the API as a row of the report."""
    what = NOT_STARTED if item["code"] == "account_incomplete" else REJECTED
    id_field = "flamebotId" if "flamebotId" in item else "accountId"
    return problem(f"line {item['row']}", id_field, item[id_field], what, reason(item["errors"]))


def _upload(path: Path, target: Mapping[str, Any], size: int, output: Output) -> None:
    def progress(sent: int) -> None:
        output.progress(f"uploading: {import_watch.bar(sent, size)} of {size / 1e6:,.0f} MB")

    upload(path, target, progress)


def _report(api: Api, shown: dict[str, Any], output: Output, *, replayed: bool) -> Exit:
    """Print the result of an import that has ended. Raises `Failure` unless it completed."""
    output.end_progress()
    with_problems = shown["rejected"] + shown["notStarted"]
    report = Report(
        rows=shown["rowsRead"],
        imported=shown["imported"],
        started=shown["started"],
        already_active=shown["alreadyActive"],
        rejected=shown["rejected"],
        not_started=shown["notStarted"],
        replayed=shown["rowsRead"] if replayed else 0,
        warnings=[{**found, "row": f"line {found['row']}"} for found in shown.get("warnings", [])],
    )
    report.say_whether_it_is_stored(output)
    if with_problems:
        items = api.pages(
            f"/v1/imports/{segment(shown['importId'])}/rejects",
            what="The rejected rows cannot be listed",
            params={},
            most=None if output.as_json else _LISTED,
        )
        report.problems = [reject_row(item) for item in items]
    if output.as_json:
        output.json({"importId": shown["importId"], "status": shown["status"], **report.to_json()})
    else:
        _print(report, shown["importId"], with_problems, output)
    complete = not output.as_json or _all_are_listed(report, output)
    if shown["status"] != "completed":
        raise _not_completed(shown)
    if shown["rowsRead"] == 0:
        raise Failure("Nothing was imported", "The file holds no accounts.", exit=Exit.USAGE)
    if shown["started"] and not output.as_json:
        output.note("next: flamebot list, flamebot status")
    return Exit.PARTIAL if with_problems or not complete else Exit.OK


def _all_are_listed(report: Report, output: Output) -> bool:
    """Return whether the report has every row with a problem; print a note if it has not."""
    missing = report.rejected + report.not_started - len(report.problems)
    note_missing(missing, len(report.problems), output)
    return missing <= 0


def _print(report: Report, import_id: str, with_problems: int, output: Output) -> None:
    if report.problems:
        report.show_problems(output)
        more = with_problems - len(report.problems)
        output.line(f"... and {more:,} more: flamebot imports rejects {import_id}" if more else "")
    report.show_counts(output)


def _not_completed(shown: Mapping[str, Any]) -> Failure:
    code, _, why = (shown["error"] or "cancelled: The import was cancelled.").partition(": ")
    ended = "failed" if shown["status"] == "failed" else "was cancelled"
    stored = shown["imported"] > 0
    return Failure(
        f"The import {ended} after {plural(shown['rowsRead'], 'row')}",
        why,
        "What was stored stays. Correct the file and run the command again: it updates the stored"
        " accounts and leaves live workflows alone.",
        exit=Exit.FAILURE if code != "unreadable" else Exit.PARTIAL if stored else Exit.USAGE,
        code=code,
    )


def _with_retries(output: Output, call: Callable[[], Response]) -> Response:
    for wait in _BACKOFF:
        try:
            return call()
        except Failure as failure:
            if wait is None or failure.status not in _RETRIED:
                raise
            output.note(f"{failure.why} Trying again in {wait:.0f} s.")
            time.sleep(wait)
    raise AssertionError("the last try returns or raises")
