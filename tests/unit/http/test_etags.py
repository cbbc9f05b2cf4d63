"""Entity tags: what a client has seen, and what it may change."""

from __future__ import annotations

from typing import Any

import pytest

from flamebot.http.answer import Answer
from flamebot.http.etags import content_tag, names, unless_seen
from flamebot.http.request import Request


def asked(**headers: str) -> Request:
    """A request with headers."""
    return Request(
        request_id="r",
        actor="a",
        path={},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


@pytest.mark.parametrize("given", ['"3"', 'W/"3"', '"1", "3"', "*", '"1",W/"3" , "9"'])
def test_what_was_seen_is_not_sent_again(given: str) -> None:
    """304 without a body, for weak tags too."""
    answer = unless_seen(asked(if_none_match=given), Answer(status=200, body={}), '"3"')
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, None, '"3"')


@pytest.mark.parametrize("given", ["", '"2"', "3", '"33"', 'W/"2"', "nonsense"])
def test_what_was_not_seen_is_sent(given: str) -> None:
    """200 with the tag."""
    answer = unless_seen(asked(if_none_match=given), Answer(status=200, body={"a": 1}), '"3"')
    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, {"a": 1}, '"3"')


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ('"3"', True),
        ("*", True),
        ('"2", "3"', True),
        ('"2"', False),
        ('W/"3"', False),
        ("3", False),
        ("", False),
        ('"3', False),
    ],
)
def test_if_match_compares_strongly(header: str, named: bool) -> None:
    """A weak tag never allows a change."""
    assert names(header, '"3"') is named


def test_a_content_tag_depends_on_content_alone() -> None:
    """The order of members does not count."""
    one: dict[str, Any] = {"a": 1, "b": 2}
    other: dict[str, Any] = {"b": 2, "a": 1}
    assert content_tag(one) == content_tag(other) != content_tag({"a": 1})
