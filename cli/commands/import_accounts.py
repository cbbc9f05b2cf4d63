"""`flamebot import`: accounts from a file, a small one in requests, a large one as a whole; safe to run again."""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cli import accounts_file
from cli.client import Answer, Api
from cli.failures import Exit, Failure
from cli.options import Commands, duration
from cli.output import Output

_CHUNK: Final = 1000  # the API takes no more
_CHUNK_BYTES: Final = 4_500_000  # nor more than 5 MB
_TRIES: Final = 5
_EXAMPLES: Final = """examples:
  flamebot import accounts.csv                         store the accounts, start `default` for each
  flamebot import accounts.json --type test            start another definition
  flamebot import accounts.csv --spread 6h             spread the starts over six hours
  flamebot import accounts.csv --no-start              store them only

A CSV file names its columns: flamebotId,modelId,channelId,credentials.token,config.city
A JSON file is a list of accounts, or a whole request as the API takes it; in a .jsonl file each line is an account.

A .csv or .jsonl file of more than 1,000 rows is sent as a whole and imported by the engine, up to a million and more:
Ctrl-C stops watching, not the import, and `flamebot imports` shows it. Running the same command again within a day does
nothing twice: it resumes where it was interrupted. Exits with 6 if some rows were rejected; they are listed with their reasons."""


def add(commands: Commands) -> None:
    """Tell argparse."""
    parser = commands.add(
        "import",
        run,
        "import accounts from a JSON or CSV file and start their workflows",
        _EXAMPLES,
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
        help="start a workflow for each account (default)",
    )
    parser.add_argument(
        "--spread",
        type=duration,
        metavar="DURATION",
        help="spread the starts evenly over this time: 90s, 15m, 6h, 1d",
    )


@dataclass
class _Tally:
    """What became of the rows so far."""

    rows: int = 0
    imported: int = 0
    started: int = 0
    already_active: int = 0
    replayed: int = 0  # rows that an earlier run had sent: the API answered as it did then
    rejects: list[dict[str, Any]] = field(default_factory=list)  # {row, flamebotId, what, reason}

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "imported": self.imported,
            "started": self.started,
            "alreadyActive": self.already_active,
            "replayed": self.replayed,
            "rejected": sum(reject["what"] == "rejected" for reject in self.rejects),
            "rejects": self.rejects,
        }

    def __str__(self) -> str:
        active = f", {self.already_active:,} had a live workflow" if self.already_active else ""
        return f"{self.rows:,} rows: {self.imported:,} imported, {self.started:,} started{active}, {len(self.rejects):,} with problems"


def run(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Send the file; what was sent before an error stays done."""
    by_lines = args.file.suffix.lower() in (".csv", *accounts_file.JSON_LINES)
    if by_lines and accounts_file.is_large(args.file, _CHUNK):
        from cli.commands import file_imports

        return file_imports.send(args, api, output)
    file = accounts_file.read(args.file)
    start = args.start if args.start is not None else file.asks.get("startAutomation", True)
    order = {
        "startAutomation": start,
        "workflowType": args.workflow_type or file.asks.get("workflowType", "default"),
        "spreadSeconds": args.spread
        if args.spread is not None
        else file.asks.get("spreadSeconds", 0),
    }
    tally = _Tally()
    of = f" of {file.total:,}" if file.total is not None else ""
    try:
        for chunk in _chunks(file.rows):
            answer = _send(api(), {"accounts": [row for _, row in chunk], **order}, output)
            tally.replayed += len(chunk) if "Idempotent-Replayed" in answer.headers else 0
            _count(tally, chunk, answer.body["results"])
            output.progress(f"importing: {tally}{of}")
    except Failure as failure:
        failure.what += f" after {tally.rows:,}{of} rows"
        failure.next = f"{failure.next or 'Mend that.'} Then run the same command again: what is done will not be done twice."
        _tell(tally, output)
        raise
    _tell(tally, output)
    if tally.rows == 0:
        raise Failure(
            f"Nothing was imported from {args.file}", "It holds no accounts.", exit=Exit.USAGE
        )
    if tally.started and not output.as_json:
        output.note("next: flamebot list, flamebot status")
    return Exit.PARTIAL if tally.rejects else Exit.OK


def _chunks(rows: Iterator[tuple[str, Any]]) -> Iterator[list[tuple[str, Any]]]:
    chunk: list[tuple[str, Any]] = []
    size = 0
    for place, row in rows:
        length = len(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace"))
        if chunk and (len(chunk) == _CHUNK or size + length > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append((place, row))
        size += length
    if chunk:
        yield chunk


def _send(api: Api, body: dict[str, Any], output: Output) -> Answer:
    """One request, sent again with its key while the API is busy or out of reach."""
    headers = {"Idempotency-Key": _key(body)}
    for tries_left in reversed(range(_TRIES)):
        try:
            return api.post("/v1/accounts/import", body, what="The import stopped", headers=headers)
        except Failure as failure:
            passing = (
                failure.status in (None, 429, 500, 502, 503, 504)
                or failure.code == "idempotency_in_flight"
            )
            if not (passing and tries_left):
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
    """A key made of the request's content, slowly: the content holds credentials, and a fast digest could be guessed from."""
    content = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "replace"
    )
    return (
        "cli-" + hashlib.scrypt(content, salt=b"flamebot import", n=2**14, r=8, p=1, dklen=24).hex()
    )


def _count(tally: _Tally, chunk: list[tuple[str, Any]], results: list[dict[str, Any]]) -> None:
    tally.rows += len(chunk)
    for result in results:
        place, workflow = chunk[result["index"]][0], (result.get("workflow") or {}).get("status")
        tally.imported += result["status"] != "rejected"
        tally.started += workflow == "started"
        tally.already_active += workflow == "already_active"
        if result["status"] == "rejected" or workflow == "rejected":
            what = "rejected" if result["status"] == "rejected" else "imported, not started"
            reject = {
                "row": place,
                "flamebotId": result.get("flamebotId"),
                "what": what,
                "reason": _reason(result.get("problem") or {}),
            }
            tally.rejects.append(reject)


def _reason(problem: dict[str, Any]) -> str:
    """Where and what, the place within the row."""
    issues = [
        f"{'/'.join(issue.get('pointer', '').split('/')[3:])} {issue.get('detail', '')}".strip()
        for issue in problem.get("errors") or []
    ]
    return "; ".join(issues) or str(problem.get("detail") or "The API gives no reason.")


def _tell(tally: _Tally, output: Output) -> None:
    output.end_progress()
    if output.as_json:
        output.json(tally.to_json())
        return
    if tally.rejects:
        output.table(
            ["ROW", "ACCOUNT", "WHAT", "REASON"],
            [
                [reject[name] for name in ("row", "flamebotId", "what", "reason")]
                for reject in tally.rejects
            ],
        )
        output.line()
    output.line(str(tally))
    if tally.replayed:
        output.line(
            f"{tally.replayed:,} of the rows were sent by an earlier run within a day: nothing was done twice, this is its result."
        )
