"""The validation of rows: each row by itself, then against the rows before it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from flamebot.actions.issues import issues_of
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.pointers import pointer
from flamebot.domain.storable import definitely_storable, text_issue, values

MOST_ACCOUNTS = 1000
LARGEST_ROW = 16 * 1024  # bytes of compact JSON
MAX_ISSUES = 10  # per row: a thousand rows of them must fit into one response
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)

PlatformId = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]


class AccountInput(BaseModel):
    """An account to import. A field that is left out keeps its stored value."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)

    flamebot_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}$")]
    model_id: Annotated[
        PlatformId | None, Field(description="Needed to start a workflow, not to import.")
    ] = None
    channel_id: Annotated[
        PlatformId | None, Field(description="Needed to start a workflow, not to import.")
    ] = None
    credentials: Annotated[
        dict[str, Any] | None,
        Field(description="Encrypted on receipt and never returned.", repr=False),
    ] = None
    config: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedRow:
    """A row of a request: the account to store, or the issues that reject it.

    The row of a stored response has no `account`; `valid` holds for it all the same.
    """

    flamebot_id: str | None
    account: AccountInput | None = None
    issues: tuple[ValidationIssue, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the row is stored."""
        return not self.issues


def validate_rows(rows: Sequence[object]) -> list[ValidatedRow]:
    """Validate the rows of a request. A row whose flamebotId occurs earlier is rejected."""
    validated: list[ValidatedRow] = []
    first_at: dict[str, int] = {}
    for index, row in enumerate(rows):
        flamebot_id = known_id(row)
        account, issues = validate_row(row, "accounts", index)
        # guard: once-per-request
        if flamebot_id is not None and flamebot_id in first_at:
            earlier = f"/accounts/{first_at[flamebot_id]}"
            issues = [
                ValidationIssue(
                    pointer("accounts", index, "flamebotId"),
                    f"Appears earlier in this request, at {earlier}.",
                )
            ]
            account = None
        elif flamebot_id is not None:
            first_at[flamebot_id] = index
        validated.append(
            ValidatedRow(
                flamebot_id=flamebot_id, account=account, issues=tuple(issues[:MAX_ISSUES])
            )
        )
    return validated


def validate_row(
    row: object, *path: str | int
) -> tuple[AccountInput | None, list[ValidationIssue]]:
    """Validate a row by itself; `path` is its position in the document.

    Returns:
        The account and no issues, or None and at least one issue.
    """
    text = _compact(row)
    if not definitely_storable(text):  # guard: storable-escapes
        issues = [
            issue for below, value in values(row) if (issue := text_issue((*path, *below), value))
        ]
        if issues:  # guard: storable-text
            return None, issues
    if len(text) > LARGEST_ROW:
        return None, [
            ValidationIssue(
                pointer(*path), f"A row is at most {LARGEST_ROW} bytes, this one has {len(text)}."
            )
        ]
    try:
        return AccountInput.model_validate(row), []
    except ValidationError as error:
        return None, issues_of(error, *path)


def known_id(row: object) -> str | None:
    """Return the flamebotId as it was sent, or None when it is unusable even for a report."""
    given = row.get("flamebotId") if isinstance(row, dict) else None
    return (
        given
        if isinstance(given, str) and 0 < len(given) <= 128 and not text_issue((), given)
        else None
    )


def _compact(row: object) -> bytes:
    try:
        return _COMPACT.encode(row).encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form. As an ASCII escape, `definitely_storable` finds it.
        return json.dumps(row).encode()
