"""What may be told of a row that was rejected: where and why, never what stood there (I10)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flamebot.domain.errors import ValidationIssue
from flamebot.ports.import_store import RejectedRow
from flamebot.services.imports.validate import MAX_ISSUES, known_id

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}")
_FIELDS = ("flamebotId", "modelId", "channelId", "credentials", "config")


def rejected(line: int, value: object, code: str, issues: Sequence[ValidationIssue]) -> RejectedRow:
    """A rejected row as it is stored: its account if that is a flamebotId by its form, its issues with pointers to fields of ours."""
    known = known_id(value)
    return RejectedRow(
        row=line,
        flamebot_id=known if known is not None and _ID.fullmatch(known) else None,
        code=code,
        issues=tuple(
            ValidationIssue(_field(issue.pointer), issue.detail) for issue in issues[:MAX_ISSUES]
        ),
    )


def _field(pointer: str) -> str:
    """The pointer as far as it names what we know: names that a file made up may be values in the wrong place."""
    field = pointer.split("/")[1] if pointer else ""
    if field not in _FIELDS:
        return ""
    return pointer if field == "config" else f"/{field}"
