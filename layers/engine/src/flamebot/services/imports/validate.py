"""The rows of an import, each judged by itself."""

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
from flamebot.domain.storable import definitely_storable, places, text_issue

MOST_ACCOUNTS = 1000
LARGEST_ROW = 16 * 1024  # bytes of compact JSON
MAX_ISSUES = 10  # per row: a thousand rows of them must fit into one answer
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)

PlatformId = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]


class AccountInput(BaseModel):
    """An account to import. What is left out keeps its stored value."""

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
        Field(description="Encrypted at once, never shown again.", repr=False),
    ] = None
    config: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedRow:
    """A row that may be stored (`account`), or what is wrong with it."""

    index: int
    flamebot_id: str | None
    account: AccountInput | None = None
    issues: tuple[ValidationIssue, ...] = ()


def judge(rows: Sequence[object]) -> list[ValidatedRow]:
    """Judge each row. Of two with the same flamebotId the later one is rejected."""
    judged: list[ValidatedRow] = []
    first_at: dict[str, int] = {}
    for index, row in enumerate(rows):
        known = known_id(row)
        account, issues = validate_row(row, "accounts", index)
        if known is not None and known in first_at:
            issues = [
                ValidationIssue(
                    pointer("accounts", index, "flamebotId"),
                    f"Stands in this request already, at /accounts/{first_at[known]}.",
                )
            ]
            account = None
        elif known is not None:
            first_at[known] = index
        judged.append(
            ValidatedRow(
                index=index, flamebot_id=known, account=account, issues=tuple(issues[:MAX_ISSUES])
            )
        )
    return judged


def validate_row(
    row: object, *here: str | int
) -> tuple[AccountInput | None, list[ValidationIssue]]:
    """Judge a row by itself: the account, or what is wrong with it. `here` is its place in the document."""
    text = _written(row)
    if not definitely_storable(text):
        issues = [
            issue for path, value in places(row) if (issue := text_issue((*here, *path), value))
        ]
        if issues:
            return None, issues
    if len(text) > LARGEST_ROW:
        return None, [
            ValidationIssue(
                pointer(*here), f"A row is at most {LARGEST_ROW} bytes, this one has {len(text)}."
            )
        ]
    try:
        return AccountInput.model_validate(row), []
    except ValidationError as error:
        return None, issues_of(error, *here)


def _written(row: object) -> bytes:
    """A row as compact JSON; in ASCII, where `definitely_storable` sees them, if it has halves of surrogate pairs."""
    try:
        return _COMPACT.encode(row).encode()
    except UnicodeEncodeError:
        return json.dumps(row).encode()


def known_id(row: object) -> str | None:
    """The flamebotId as it was sent, for the answer; None if it was no usable one."""
    given = row.get("flamebotId") if isinstance(row, dict) else None
    return (
        given
        if isinstance(given, str) and 0 < len(given) <= 128 and not text_issue((), given)
        else None
    )
