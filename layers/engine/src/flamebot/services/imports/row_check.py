"""The decision about each row of a file: stored, or rejected with a reason.

The command line takes it for a small file and the worker for a large one, so that a row is stored
or rejected whichever way its file goes.
"""

from __future__ import annotations

from dataclasses import dataclass

from flamebot.domain.errors import ValidationIssue
from flamebot.domain.pointers import pointer
from flamebot.ports.import_store import RejectedRow, Seen
from flamebot.services.imports.observations import observed
from flamebot.services.imports.record_reader import Record
from flamebot.services.imports.rejects import rejected
from flamebot.services.imports.validate import AccountInput, under, validate_row


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedRow:
    """A row to store, as it was read and as an account."""

    record: Record
    account: AccountInput


class RowCheck:
    """Checks rows one by one, each also against the accepted rows before it."""

    def __init__(self, unit: str = "line") -> None:
        """Begin before the first row; `unit` is what a record's line counts."""
        self.observed: dict[str, Seen] = {}
        self._unit = unit
        self._first: dict[str, int] = {}

    def check(self, record: Record) -> AcceptedRow | RejectedRow:
        """Return the row to store, or the report of its rejection."""
        account, issues = (None, [record.issue]) if record.issue else validate_row(record.value)
        if account is None:
            issues = [under(record.id_field, issue) for issue in issues]
            return rejected(record, "invalid", issues)
        # Of duplicates too: SQL finds those of an earlier chunk after their marks were counted, and
        # two rows often have one id because it was rounded.
        for mark in observed(account):
            seen = self.observed.get(mark)
            self.observed[mark] = Seen(
                count=seen.count + 1 if seen else 1, line=seen.line if seen else record.line
            )
        first = self._first.setdefault(account.account_id, record.line)
        if first != record.line:  # guard: once-per-file
            issue = ValidationIssue(pointer(record.id_field), duplicate_of(f"{self._unit} {first}"))
            return rejected(record, "duplicate", [issue])
        return AcceptedRow(record=record, account=account)


def duplicate_of(place: str) -> str:
    """Return the reason that rejects a row whose account an earlier row gave.

    `import_chunk` says the same of a row, with the line at which SQL knows the account.
    """
    return f"Appears earlier in this file, on {place}. That row was imported, this one was not."
