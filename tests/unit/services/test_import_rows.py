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
        {"accountId": "a"},
        {"accountId": "A9._@:+-z"},
        {"accountId": "a" * 128},
        {
            "accountId": "a",
            "modelId": None,
            "channelId": None,
            "credentials": None,
            "config": None,
        },
        {
            "accountId": "a",
            "modelId": "m",
            "channelId": "ü",
            "credentials": {"token": "t"},
            "config": {"deep": {"er": [1, None]}},
        },
    ],
)
def test_a_valid_row_is_accepted(row: dict[str, Any]) -> None:
    """Only the accountId is required."""
    (validated,) = validate_rows([row])
    assert validated.account is not None
    assert not validated.issues


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        (None, "/accounts/0"),
        ("a", "/accounts/0"),
        ([], "/accounts/0"),
        ({}, "/accounts/0/accountId"),
        ({"accountId": ""}, "/accounts/0/accountId"),
        ({"accountId": 7}, "/accounts/0/accountId"),
        ({"accountId": "-a"}, "/accounts/0/accountId"),
        ({"accountId": "a b"}, "/accounts/0/accountId"),
        ({"accountId": "a\n"}, "/accounts/0/accountId"),
        ({"accountId": "ä"}, "/accounts/0/accountId"),
        ({"accountId": "a/b"}, "/accounts/0/accountId"),
        ({"accountId": "a" * 129}, "/accounts/0/accountId"),
        ({"accountId": "a", "modelId": ""}, "/accounts/0/modelId"),
        ({"accountId": "a", "modelId": 1}, "/accounts/0/modelId"),
        ({"accountId": "a", "channelId": "x" * 257}, "/accounts/0/channelId"),
        ({"accountId": "a", "channelId": "x\ty"}, "/accounts/0/channelId"),
        ({"accountId": "a", "credentials": "t"}, "/accounts/0/credentials"),
        ({"accountId": "a", "credentials": []}, "/accounts/0/credentials"),
        ({"accountId": "a", "config": 1}, "/accounts/0/config"),
        ({"accountId": "a", "password": "t"}, "/accounts/0/password"),
        ({"accountId": "a", "config": {"x": "a\x00b"}}, "/accounts/0/config/x"),
        ({"accountId": "a", "config": {"x": ["\ud800"]}}, "/accounts/0/config/x/0"),
        ({"accountId": "a", "config": {"x": "y" * LARGEST_ROW}}, "/accounts/0"),
        ({"accountId": "a", "config": {"x": "ü" * (LARGEST_ROW // 2)}}, "/accounts/0"),
    ],
)
def test_an_invalid_row_is_an_issue_with_a_pointer(row: Any, pointer: str) -> None:
    """One pointer, to the field that is wrong."""
    assert pointers(row) == [[pointer]]


def test_one_invalid_row_leaves_the_others_valid() -> None:
    """The rows before and after it are accepted."""
    validated = validate_rows([{"accountId": "a"}, {"accountId": "!"}, {"accountId": "b"}])
    assert [row.account is not None for row in validated] == [True, False, True]


def test_the_later_of_two_rows_of_one_account_is_rejected() -> None:
    """It is a duplicate also when the first row is invalid."""
    assert pointers(
        {"accountId": "a"}, {"accountId": "b", "x": 1}, {"accountId": "a"}, {"accountId": "b"}
    ) == [
        [],
        ["/accounts/1/x"],
        ["/accounts/2/accountId"],
        ["/accounts/3/accountId"],
    ]


def test_ids_differ_by_case() -> None:
    """The ids `a` and `A` are two accounts."""
    assert pointers({"accountId": "a"}, {"accountId": "A"}) == [[], []]


def test_no_issue_and_no_repr_shows_a_credential() -> None:
    """An issue describes what is wrong with a row without its values."""
    rows = [
        {"accountId": "a", "credentials": {"password": "hunter2"}},
        {"accountId": "b", "credentials": "hunter2"},
        {
            "accountId": "c",
            "credentials": ["hunter2"],
            "config": "hunter2",
            "modelId": {"x": "hunter2"},
        },
    ]
    assert "hunter2" not in repr(validate_rows(rows))


def test_a_row_has_at_most_ten_issues() -> None:
    """The issues of a thousand such rows fit into one response."""
    assert (
        len(validate_rows([{"accountId": "a"} | {f"x{n}": 1 for n in range(500)}])[0].issues) == 10
    )


@pytest.mark.parametrize(
    ("fields", "pointers_of_issues"),
    [
        ({"modelId": " m"}, ["/accounts/0/modelId"]),
        ({"modelId": "m\u00a0"}, ["/accounts/0/modelId"]),
        ({"modelId": "m\u200bn"}, ["/accounts/0/modelId"]),
        ({"channelId": "\ufeffc"}, ["/accounts/0/channelId"]),
        ({"channelId": '"c"'}, ["/accounts/0/channelId"]),
        ({"channelId": "\u201ec\u201c"}, ["/accounts/0/channelId"]),
        ({"credentials": {"token": "t "}}, ["/accounts/0/credentials/token"]),
        ({"credentials": {"a": [{"b": "\u00a0t"}]}}, ["/accounts/0/credentials/a/0/b"]),
        ({"credentials": {" token": "t"}}, ["/accounts/0/credentials"]),
        ({"modelId": "a model", "channelId": "c'est l\u00e0"}, []),
        ({"credentials": {"phrase": "two words", "key": "-----BEGIN\nx\n-----END\n"}}, []),
        ({"config": {"prefix": " Hi ", "mark": "\u200b"}}, []),
    ],
)
def test_a_blank_is_never_kept_in_an_id_or_a_credential(
    fields: dict[str, Any], pointers_of_issues: list[str]
) -> None:
    """At the ends of a value; inside an id only a plain space is allowed. Config is free text."""
    assert pointers({"accountId": "a", **fields}) == [pointers_of_issues]
