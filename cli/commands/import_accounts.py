"""`flamebot import`: import a file, in requests when it is small, as a whole when it is large."""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from cli import accounts_file
from cli.accounts_file import AccountsFile, FileRow
from cli.client import Api, Response
from cli.failures import Exit, Failure
from cli.import_report import NOT_STARTED, REJECTED, Report, problem, reason
from cli.options import Commands, duration
from cli.output import Output

_CHUNK: Final = 1000  # rows; the API's limit
_CHUNK_BYTES: Final = 4_500_000  # below the API's limit of 5 MB
_TRIES: Final = 5
_HELP: Final = """examples:
  flamebot import accounts.csv                  store the accounts, start `default` for each
  flamebot import accounts.json --type test     start another definition
  flamebot import accounts.csv --spread 6h      spread the starts over six hours
  flamebot import accounts.csv --no-start       store the accounts only

files:
  .csv    Text in UTF-8; .tsv and .txt too. The first line names the columns: accountId (or
          flamebotId) is required; modelId and channelId are needed to start a workflow;
          credentials.NAME and config.NAME are stored by name. An empty cell leaves the stored
          value as it is.
            accountId,modelId,channelId,credentials.token,config.city
            account-1,model-1,channel-1,the-token,Berlin
          Separated by comma, semicolon, tab or |, as the first line is; a line sep=; before it is
          read. Blanks around a cell are removed, inside it they stay. Blank lines and empty columns
          are passed over. Case, blanks and _ in the columns' names make no difference.
  .jsonl  One account per line:
            {"accountId": "account-1", "modelId": "model-1", "channelId": "channel-1"}
  .json   A list of accounts, or a whole request of POST /v1/accounts/import.

A row that cannot be read or stored is rejected with its line and reason; the others are imported.
A value that a spreadsheet has probably rounded is imported with a warning.

An account that exists is updated. One that has a live workflow gets no second one.

A .csv or .jsonl file of more than 1,000 rows is uploaded, and the engine imports it: Ctrl-C stops
watching, not the import, and `flamebot imports` shows it.

The same command again within a day resumes an interrupted import; no row is imported twice. If the
import was complete, the output is its stored result; --again imports the file once more.
The exit code is 6 if some rows were rejected or not started; they are listed with reasons."""


def add(commands: Commands) -> None:
    """Register `flamebot import`."""
    parser = commands.add(
        "import",
        run,
        "import accounts from a CSV or JSON file and start their workflows",
        _HELP,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a .csv, .jsonl or .json file")
    parser.add_argument(
        "--type",
        dest="workflow_type",
        metavar="TYPE",
        help="the definition to start (default: default)",
    )
    parser.add_argument(
        "--start",
        action=argparse.BooleanOptionalAction,
        help="whether to start a workflow for each account (default: --start)",
    )
    parser.add_argument(
        "--spread",
        type=duration,
        metavar="DURATION",
        help="spread the starts evenly over this time: 90s, 15m, 6h, 1d",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="import the file even if an earlier run within a day did",
    )


def run(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Import a file. Rows that were sent before an error stay imported."""
    if accounts_file.is_large(args.file, _CHUNK):
        from cli import large_import

        return large_import.run(args, api, output)
    file = accounts_file.read(args.file)
    options = {
        "startAutomation": args.start
        if args.start is not None
        else file.options.get("startAutomation", True),
        "workflowType": args.workflow_type or file.options.get("workflowType", "default"),
        "spreadSeconds": args.spread
        if args.spread is not None
        else file.options.get("spreadSeconds", 0),
    }
    report = Report()
    total = f" of {file.total:,}" if file.total is not None else ""
    salt = secrets.token_hex(8) if args.again else ""
    try:
        for chunk in _chunks(_accepted(file, report)):
            body = {"accounts": [row.value for row in chunk], **options}
            answer = _send(api(), body, salt, output)
            report.replayed += len(chunk) if "Idempotent-Replayed" in answer.headers else 0
            _count(report, chunk, answer.body["results"], file.unit)
            output.progress(f"importing: {report.rows:,}{total} rows, {report.rejected:,} rejected")
    except Failure as failure:
        report.warnings = file.warnings()
        if report.rows:
            failure.what += f" after {report.rows:,}{total} {'row' if report.rows == 1 else 'rows'}"
            failure.next = (
                f"{failure.next or 'Correct that.'} Then run the same command again:"
                " no row is imported twice."
            )
            _print(report, output)
        if report.imported and failure.exit == Exit.USAGE:
            failure.exit = Exit.PARTIAL
        raise
    report.warnings = file.warnings()
    _print(report, output)
    if report.rows == 0:
        raise Failure(
            f"Nothing was imported from {args.file}", "It holds no accounts.", exit=Exit.USAGE
        )
    if report.started and not output.as_json:
        output.note("next: flamebot list, flamebot status")
    return Exit.PARTIAL if report.problems else Exit.OK


def _accepted(file: AccountsFile, report: Report) -> Iterator[FileRow]:
    """Yield the rows to send, and count and list the others."""
    for row in file.rows:
        if not row.errors:
            yield row
            continue
        report.rows += 1
        report.rejected += 1
        report.problems.append(
            problem(
                f"{file.unit} {row.number}",
                row.id_field,
                row.account_id,
                REJECTED,
                reason(row.errors),
            )
        )


def _chunks(rows: Iterator[FileRow]) -> Iterator[list[FileRow]]:
    """Yield the rows of each request; those before an unreadable row too, then raise."""
    chunk: list[FileRow] = []
    size = 0
    unreadable: Failure | None = None
    while True:
        try:
            row = next(rows, None)
        except Failure as failure:
            row, unreadable = None, failure
        length = 0 if row is None else len(json.dumps(row.value, ensure_ascii=False).encode())
        if chunk and (row is None or len(chunk) == _CHUNK or size + length > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        if unreadable:
            raise unreadable
        if row is None:
            return
        chunk.append(row)
        size += length


def _send(api: Api, body: dict[str, Any], salt: str, output: Output) -> Response:
    """Send one request, again with the same key while the API is busy or unreachable."""
    headers = {"Idempotency-Key": _key(body) + salt}
    for tries_left in reversed(range(_TRIES)):
        try:
            return api.post("/v1/accounts/import", body, what="The import stopped", headers=headers)
        except Failure as failure:
            transient = (
                failure.status in (None, 429, 500, 502, 503, 504)
                or failure.code == "idempotency_in_flight"
            )
            if not (transient and tries_left):
                raise
            wait = (
                failure.retry_after
                if failure.retry_after is not None
                else 2.0 ** (_TRIES - tries_left - 1)
            )
            output.note(f"{failure.why} Trying again in {wait:.0f} s.")
            time.sleep(min(wait, 60.0))
    raise AssertionError("the last try returns or raises")


def _key(body: dict[str, Any]) -> str:
    """Return a key derived from the request's content, so that the same file has the same key."""
    # scrypt: the content holds credentials, which could be guessed from a fast digest.
    content = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "replace"
    )
    return (
        "cli-" + hashlib.scrypt(content, salt=b"flamebot import", n=2**14, r=8, p=1, dklen=24).hex()
    )


def _count(report: Report, chunk: list[FileRow], results: list[dict[str, Any]], unit: str) -> None:
    report.rows += len(chunk)
    for result in results:
        workflow = (result.get("workflow") or {}).get("status")
        rejected = result["status"] == "rejected"
        not_started = not rejected and workflow == "rejected"
        report.imported += not rejected
        report.started += workflow == "started"
        report.already_active += workflow == "already_active"
        report.rejected += rejected
        report.not_started += not_started
        if rejected or not_started:
            row = chunk[result["index"]]
            found = result.get("problem") or {}
            # The pointers begin with /accounts/INDEX.
            why = reason(found.get("errors") or [], skip=2) or found.get("detail")
            report.problems.append(
                problem(
                    f"{unit} {row.number}",
                    row.id_field,
                    row.account_id,
                    REJECTED if rejected else NOT_STARTED,
                    str(why or "The API gives no reason."),
                )
            )


def _print(report: Report, output: Output) -> None:
    output.end_progress()
    report.sort_problems()
    report.say_whether_it_is_stored(output)
    if output.as_json:
        output.json(report.to_json())
        return
    if report.problems:
        report.show_problems(output)
        output.line()
    report.show_counts(output)
