"""Rows of an import are validated one by one, each issue with its pointer."""

from __future__ import annotations

from typing import Any

import pytest

from flamebot.services.imports.validate import LARGEST_ROW, validate_rows


def pointers(*rows: Any) -> list[list[str]]:
    """Return the pointers of each row's issues."""
    return [[issue.pointer for issue in row.issues] for row in validate_rows(rows)]


@pytest.mark.parametrize(
    "row",
    [
        {"flamebotId": "a"},
        {"flamebotId": "A9._@:+-z"},
        {"flamebotId": "a" * 128},
        {
            "flamebotId": "a",
            "modelId": None,
            "channelId": None,
            "credentials": None,
            "config": None,
        },
        {
            "flamebotId": "a",
            "modelId": "m",
            "channelId": "ü",
            "credentials": {"token": "t"},
            "config": {"deep": {"er": [1, None]}},
        },
    ],
)
def test_a_valid_row_is_accepted(row: dict[str, Any]) -> None:
    """Only the flamebotId is required."""
    (validated,) = validate_rows([row])
    assert validated.account is not None
    assert not validated.issues


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        (None, "/accounts/0"),
        ("a", "/accounts/0"),
        ([], "/accounts/0"),
        ({}, "/accounts/0/flamebotId"),
        ({"flamebotId": ""}, "/accounts/0/flamebotId"),
        ({"flamebotId": 7}, "/accounts/0/flamebotId"),
        ({"flamebotId": "-a"}, "/accounts/0/flamebotId"),
        ({"flamebotId": "a b"}, "/accounts/0/flamebotId"),
        ({"flamebotId": "a\n"}, "/accounts/0/flamebotId"),
        ({"flamebotId": "ä"}, "/accounts/0/flamebotId"),
        ({"flamebotId": "a/b"}, "/accounts/0/flamebotId"),
        ({"flamebotId": "a" * 129}, "/accounts/0/flamebotId"),
        ({"flamebotId": "a", "modelId": ""}, "/accounts/0/modelId"),
        ({"flamebotId": "a", "modelId": 1}, "/accounts/0/modelId"),
        ({"flamebotId": "a", "channelId": "x" * 257}, "/accounts/0/channelId"),
        ({"flamebotId": "a", "channelId": "x\ty"}, "/accounts/0/channelId"),
        ({"flamebotId": "a", "credentials": "t"}, "/accounts/0/credentials"),
        ({"flamebotId": "a", "credentials": []}, "/accounts/0/credentials"),
        ({"flamebotId": "a", "config": 1}, "/accounts/0/config"),
        ({"flamebotId": "a", "password": "t"}, "/accounts/0/password"),
        ({"flamebotId": "a", "config": {"x": "a\x00b"}}, "/accounts/0/config/x"),
        ({"flamebotId": "a", "config": {"x": ["\ud800"]}}, "/accounts/0/config/x/0"),
        ({"flamebotId": "a", "config": {"x": "y" * LARGEST_ROW}}, "/accounts/0"),
        ({"flamebotId": "a", "config": {"x": "ü" * (LARGEST_ROW // 2)}}, "/accounts/0"),
    ],
)
def test_an_invalid_row_is_an_issue_with_a_pointer(row: Any, pointer: str) -> None:
    """One pointer, to the field that is wrong."""
    assert pointers(row) == [[pointer]]


def test_one_invalid_row_leaves_the_others_valid() -> None:
    """The rows before and after it are accepted."""
    validated = validate_rows([{"flamebotId": "a"}, {"flamebotId": "!"}, {"flamebotId": "b"}])
    assert [row.account is not None for row in validated] == [True, False, True]


def test_the_later_of_two_rows_of_one_account_is_rejected() -> None:
    """It is a duplicate also when the first row is invalid."""
    assert pointers(
        {"flamebotId": "a"}, {"flamebotId": "b", "x": 1}, {"flamebotId": "a"}, {"flamebotId": "b"}
    ) == [
        [],
        ["/accounts/1/x"],
        ["/accounts/2/flamebotId"],
        ["/accounts/3/flamebotId"],
    ]


def test_ids_differ_by_case() -> None:
    """The ids `a` and `A` are two accounts."""
    assert pointers({"flamebotId": "a"}, {"flamebotId": "A"}) == [[], []]


def test_no_issue_and_no_repr_shows_a_credential() -> None:
    """An issue describes what is wrong with a row without its values."""
    rows = [
        {"flamebotId": "a", "credentials": {"password": "hunter2"}},
        {"flamebotId": "b", "credentials": "hunter2"},
        {
            "flamebotId": "c",
            "credentials": ["hunter2"],
            "config": "hunter2",
            "modelId": {"x": "hunter2"},
        },
    ]
    assert "hunter2" not in repr(validate_rows(rows))


def test_a_row_has_at_most_ten_issues() -> None:
    """The issues of a thousand such rows fit into one response."""
    assert (
        len(validate_rows([{"flamebotId": "a"} | {f"x{n}": 1 for n in range(500)}])[0].issues) == 10
    )
