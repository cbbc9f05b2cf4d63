"""The validation of rows: each row by itself, then against the rows before it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from flamebot.actions.issues import issues_of
from flamebot.domain.blanks import edge_issue, hidden_issue
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.ids import IdField, id_field
from flamebot.domain.pointers import pointer
from flamebot.domain.storable import definitely_storable, number_issue, text_issue, values

MOST_ACCOUNTS = 1000
LARGEST_ROW = 16 * 1024  # bytes of compact JSON
MAX_ISSUES = 10  # per row: a thousand rows of them must fit into one response
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)

_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}$"
_ID_SENTENCE: Final = (
    "Must be 1 to 128 letters, digits or . _ @ : + -, without blanks, and begin with a letter or"
    " digit."
)
_QUOTES: Final = frozenset("\"'`\u00ab\u00bb\u2018\u2019\u201a\u201c\u201d\u201e")


def _account_id(text: str) -> str:
    # A pattern of pydantic would be quoted in its message, as a regular expression.
    if not re.fullmatch(_ID_PATTERN, text):
        raise ValueError(_ID_SENTENCE)
    return text


def _platform_id(text: str) -> str:
    """Refuse what a person cannot see in an id: it would be another model or channel."""
    issue = hidden_issue(text)
    if issue is None and (text[:1] in _QUOTES or text[-1:] in _QUOTES):
        issue = "Begins or ends with a quotation mark."
    if issue:  # guard: no-hidden-characters
        raise ValueError(issue)
    return text


PlatformId = Annotated[
    str,
    # The pattern is for readers of the schema: `_platform_id` has a sentence for it.
    Field(min_length=1, max_length=256, json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f]+$"}),
    AfterValidator(_platform_id),
]


def _two_names(schema: dict[str, Any]) -> None:
    """Describe both names of the id. Without `required`: generators of clients read no `oneOf`."""
    properties = schema["properties"]
    properties["accountId"]["description"] = "Required, as accountId or as flamebotId."
    properties["flamebotId"] = {
        **properties["accountId"],
        "description": "Another name of accountId. The response has the name that was sent.",
    }
    schema.pop("required", None)


class AccountInput(BaseModel):
    """An account to import. A field that is left out keeps its stored value."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra=_two_names,
    )

    account_id: Annotated[
        str,
        AfterValidator(_account_id),
        WithJsonSchema({"type": "string", "pattern": _ID_PATTERN}),
    ]
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

    account_id: str | None
    id_field: IdField = "accountId"  # the name under which the row gave its id
    account: AccountInput | None = None
    issues: tuple[ValidationIssue, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the row is stored."""
        return not self.issues


def validate_rows(rows: Sequence[object]) -> list[ValidatedRow]:
    """Validate the rows of a request. A row whose id occurs earlier is rejected."""
    validated: list[ValidatedRow] = []
    first_at: dict[str, int] = {}
    for index, row in enumerate(rows):
        account_id = known_id(row)
        account, issues = validate_row(row, "accounts", index)
        # guard: once-per-request
        if account_id is not None and account_id in first_at:
            earlier = f"/accounts/{first_at[account_id]}"
            issues = [
                ValidationIssue(
                    pointer("accounts", index, id_field(row)),
                    f"Appears earlier in this request, at {earlier}.",
                )
            ]
            account = None
        elif account_id is not None:
            first_at[account_id] = index
        validated.append(
            ValidatedRow(
                account_id=account_id,
                id_field=id_field(row),
                account=account,
                issues=tuple(issues[:MAX_ISSUES]),
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
    try:
        text = _compact(row)
    except TypeError:  # a number that JSON's encoder does not know, because it would be rounded
        return None, [
            issue for below, value in values(row) if (issue := number_issue((*path, *below), value))
        ]
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
    name = id_field(row)
    if name == "flamebotId" and isinstance(row, dict):
        if "accountId" in row:
            return None, [
                ValidationIssue(pointer(*path, name), "Is another name of accountId: send one.")
            ]
        row = {("accountId" if key == name else key): value for key, value in row.items()}
    try:
        account = AccountInput.model_validate(row)
    except ValidationError as error:
        return None, [under(name, issue, *path) for issue in issues_of(error, *path)]
    issues = list(_blank_credentials(account, *path))
    return (None, issues) if issues else (account, [])  # guard: no-blank-credentials


def known_id(row: object) -> str | None:
    """Return the account's id as it was sent, or None when it is unusable even for a report."""
    given = row.get(id_field(row)) if isinstance(row, dict) else None
    return (
        given
        if isinstance(given, str) and 0 < len(given) <= 128 and not text_issue((), given)
        else None
    )


def _blank_credentials(account: AccountInput, *path: str | int) -> Iterator[ValidationIssue]:
    """Yield an issue for each credential that begins or ends with a blank.

    Line ends at the end are allowed: those of a PEM file belong to it.
    """
    for below, value in values(account.credentials or {}):
        if isinstance(value, str) and (issue := edge_issue(value.rstrip("\r\n"))):
            yield ValidationIssue(pointer(*path, "credentials", *below), issue)


def under(name: IdField, issue: ValidationIssue, *path: str | int) -> ValidationIssue:
    """Return an issue of a row, that of the id under the name that was sent."""
    if issue.pointer != pointer(*path, "accountId"):
        return issue
    return ValidationIssue(pointer(*path, name), issue.detail)


def _compact(row: object) -> bytes:
    try:
        return _COMPACT.encode(row).encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form. As an ASCII escape, `definitely_storable` finds it.
        return json.dumps(row).encode()
