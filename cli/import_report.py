"""The report of an import: counts, and the rows that were rejected or not started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.output import Output

REJECTED = "rejected"
NOT_STARTED = "imported, not started"


@dataclass(kw_only=True)
class Report:
    """The counts of an import so far; `problems` may be a part of all rows with problems."""

    rows: int = 0
    imported: int = 0
    started: int = 0
    already_active: int = 0
    rejected: int = 0
    not_started: int = 0
    replayed: int = 0  # rows that an earlier run sent: the API returned that run's result
    problems: list[dict[str, Any]] = field(default_factory=list)  # as `problem` returns them
    warnings: list[dict[str, Any]] = field(default_factory=list)  # code, field, count, row, detail

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return {
            "rows": self.rows,
            "imported": self.imported,
            "started": self.started,
            "alreadyActive": self.already_active,
            "replayed": self.replayed,
            "rejected": self.rejected,
            "rejects": self.problems,
            "warnings": self.warnings,
        }

    def __str__(self) -> str:
        """Return the counts in one line."""
        counts = [f"{self.imported:,} imported", f"{self.started:,} started"]
        if self.already_active:
            counts.append(f"{self.already_active:,} already had a live workflow")
        if self.not_started:
            counts.append(f"{self.not_started:,} not started")
        counts.append(f"{self.rejected:,} rejected")
        return f"{plural(self.rows, 'row')}: {', '.join(counts)}"

    def sort_problems(self) -> None:
        """Put the rows with problems into the order of the file."""
        self.problems.sort(key=lambda found: int(found["row"].split()[-1]))

    def say_whether_it_is_stored(self, output: Output) -> None:
        """Print, before the result, that an earlier run produced it and nothing happened now."""
        if not self.replayed:
            return
        text = (
            f"An earlier run within a day imported {plural(self.replayed, 'row')} of this file."
            " For them this is its stored result: nothing was stored or started now."
            " --again imports the file once more."
        )
        if output.as_json:
            output.note(text)
        else:
            output.line(text)

    def show_counts(self, output: Output) -> None:
        """Print the counts, and a warning for each kind of value that looks wrong."""
        output.line(str(self))
        for warning in self.warnings:
            output.line(
                f"warning: {warning['field']} of {plural(warning['count'], 'row')}, first on"
                f" {warning['row']}, {warning['detail']}"
            )
        if self.warnings:
            output.line(
                "Format the column as text in the spreadsheet, and import the corrected file."
            )

    def show_problems(self, output: Output) -> None:
        """Print a table of the rows with problems."""
        output.table(
            ["ROW", "ACCOUNT", "WHAT", "REASON"],
            [
                [
                    found["row"],
                    found.get("accountId", found.get("flamebotId")),
                    found["what"],
                    found["reason"],
                ]
                for found in self.problems
            ],
        )


def problem(
    row: str, id_field: str, account_id: str | None, what: str, reason: str
) -> dict[str, Any]:
    """Return a row with a problem.

    Args:
        row: its place in the file: "line 3".
        id_field: the name under which the file gives the account's id.
        account_id: the account, if the row names a valid one.
        what: `REJECTED` or `NOT_STARTED`.
        reason: one sentence or more.
    """
    return {"row": row, id_field: account_id, "what": what, "reason": reason}


def reason(errors: Sequence[Mapping[str, Any]], *, skip: int = 0) -> str:
    """Return the errors of a row in one line, each behind the field that it is about.

    The first `skip` parts of each pointer lead to the row.
    """
    lines = []
    for error in errors:
        field_path = "/".join(error.get("pointer", "").split("/")[1 + skip :])
        detail = error.get("detail", "")
        lines.append(f"{field_path}: {detail}" if field_path else detail)
    return "; ".join(lines)


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: "1 row", "2,000 rows"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def note_missing(missing: int, listed: int, output: Output) -> None:
    """Print a warning if an import had more rows with problems than it keeps."""
    if missing > 0:
        output.note(
            f"warning: an import keeps its first {listed:,} rows with problems. {missing:,} more"
            " were counted and are not listed."
        )
