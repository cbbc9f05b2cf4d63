"""Watch an import by file until it ends."""

from __future__ import annotations

import time
from typing import Any, Final

from cli.client import Api, segment
from cli.failures import Failure
from cli.output import Output

ENDED: Final = ("completed", "failed", "cancelled")
_POLL_SECONDS: Final = 1.0
_FIRST_POLL_SECONDS: Final = 0.2  # a small file is imported in a moment
_FAILED_POLLS: Final = 30  # in a row; the import goes on without us


def fetch(api: Api, import_id: str) -> dict[str, Any]:
    """Return an import as the API shows it. Raises `Failure`."""
    shown: dict[str, Any] = api.get(
        f"/v1/imports/{segment(import_id)}", what="The import cannot be shown"
    ).body
    return shown


def watch(api: Api, import_id: str, output: Output) -> dict[str, Any]:
    """Poll until the import has ended, print its progress, and return it. Raises `Failure`."""
    began, first, failed_polls = time.monotonic(), None, 0
    while True:
        try:
            shown = fetch(api, import_id)
            failed_polls = 0
        except Failure as failure:
            failed_polls += 1
            if failed_polls > _FAILED_POLLS or not _transient(failure):
                raise
            time.sleep(_POLL_SECONDS)
            continue
        if shown["status"] in ENDED:
            return shown
        first = shown if first is None else first
        spent = time.monotonic() - began
        output.progress(f"importing: {_progress(shown, first, spent)}")
        time.sleep(_POLL_SECONDS if spent > 3 else _FIRST_POLL_SECONDS)


def bar(done: int, whole: int) -> str:
    """Return a progress bar with its percentage."""
    share = min(1.0, done / whole) if whole else 1.0
    full = int(share * 20)
    return f"[{'#' * full}{'-' * (20 - full)}] {share:4.0%}"


def _transient(failure: Failure) -> bool:
    return failure.status is None or failure.status >= 500 or failure.status == 429


def _progress(shown: dict[str, Any], first: dict[str, Any], spent: float) -> str:
    """Return the progress since the first poll, `spent` seconds ago."""
    line = f"{bar(shown['bytesRead'], shown['bytes'])}, {shown['rowsRead']:,} rows"
    if shown["rejected"]:
        line += f", {shown['rejected']:,} rejected"
    rows = shown["rowsRead"] - first["rowsRead"]
    read = shown["bytesRead"] - first["bytesRead"]
    if spent > 2 and rows:  # before that the estimate jumps about
        line += f", {rows / spent:,.0f} per second"
    if spent > 2 and read:
        line += f", about {_span((shown['bytes'] - shown['bytesRead']) * spent / read)} left"
    return line


def _span(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
