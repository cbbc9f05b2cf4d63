"""The report of a rejected row: where and why, never a value of the row (I10)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flamebot.domain.errors import ValidationIssue
from flamebot.ports.import_store import RejectedRow
from flamebot.services.imports.validate import MAX_ISSUES, known_id

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}")
_FIELDS = ("flamebotId", "modelId", "channelId", "credentials", "config")


def rejected(line: int, value: object, code: str, issues: Sequence[ValidationIssue]) -> RejectedRow:
    """Return the report of a row that begins on `line`."""
    flamebot_id = known_id(value)
    # A value that does not have the form of a flamebotId may be a credential in the wrong column.
    is_id = flamebot_id is not None and _ID.fullmatch(flamebot_id)  # guard: reject-shows-only-ids
    return RejectedRow(
        row=line,
        flamebot_id=flamebot_id if is_id else None,
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
