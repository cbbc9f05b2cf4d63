"""The report of a rejected row: where and why, never a value of the row (I10)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flamebot.domain.errors import ValidationIssue
from flamebot.ports.import_store import RejectedRow
from flamebot.services.imports.record_reader import Record
from flamebot.services.imports.validate import MAX_ISSUES, known_id

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}")
_FIELDS = ("accountId", "flamebotId", "modelId", "channelId", "credentials", "config")


def rejected(record: Record, code: str, issues: Sequence[ValidationIssue]) -> RejectedRow:
    """Return the report of a row."""
    account_id = known_id(record.value)
    # A value without the form of an account's id may be a credential in the wrong column.
    is_id = account_id is not None and _ID.fullmatch(account_id)  # guard: reject-shows-only-ids
    return RejectedRow(
        row=record.line,
        account_id=account_id if is_id else None,
        id_field=record.id_field,
        code=code,
        issues=tuple(
            ValidationIssue(_known_part(issue.pointer), issue.detail)
            for issue in issues[:MAX_ISSUES]
        ),
    )


def _known_part(pointer: str) -> str:
    """Return the pointer as far as the engine knows its names.

    A name that the file made up may be a credential: `{"s3cret": 1}`, or a member of credentials.
    """
    field = pointer.split("/")[1] if pointer else ""
    if field not in _FIELDS:
        return ""
    return pointer if field == "config" else f"/{field}"  # guard: reject-shows-only-fields
