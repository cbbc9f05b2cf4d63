"""Entity tags: which responses a client has already, and which versions it may replace."""

from __future__ import annotations

from typing import Any

import pytest

from flamebot.http.etags import content_tag, matching_versions, not_modified
from flamebot.http.request import Request
from flamebot.http.response import Response
from flamebot.ports.admin_store import ANY_VERSION, Precondition, follows


def request(**headers: str) -> Request:
    """Return a request with headers."""
    return Request(
        request_id="r",
        actor="a",
        path={},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


@pytest.mark.parametrize("given", ['"3"', 'W/"3"', '"1", "3"', "*", '"1",W/"3" , "9"'])
def test_a_current_copy_is_not_sent_again(given: str) -> None:
    """The response is 304 without a body, for weak tags too."""
    answer = not_modified(request(if_none_match=given), Response(status=200, body={}), '"3"')
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, None, '"3"')


@pytest.mark.parametrize("given", ["", '"2"', "3", '"33"', 'W/"2"', "nonsense"])
def test_an_outdated_copy_is_replaced(given: str) -> None:
    """The response is 200 with body and tag."""
    answer = not_modified(request(if_none_match=given), Response(status=200, body={"a": 1}), '"3"')
    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, {"a": 1}, '"3"')


@pytest.mark.parametrize(
    ("header", "precondition"),
    [
        ('"3"', follows(3)),
        ("*", ANY_VERSION),
        (' "2" , "3"', follows(2, 3)),
        ('W/"3"', follows()),
        ('W/"3", "4"', follows(4)),
        ("3", follows()),
        ("", follows()),
        ('"3', follows()),
        ('"03", "0", "-1", "9999999999", "abc"', follows()),
    ],
)
def test_if_match_names_versions(header: str, precondition: Precondition) -> None:
    """The comparison is strong, and a header without a version allows no version."""
    assert matching_versions(header) == precondition


def test_a_content_tag_depends_on_content_alone() -> None:
    """The order of members does not change the tag."""
    one: dict[str, Any] = {"a": 1, "b": 2}
    other: dict[str, Any] = {"b": 2, "a": 1}
    assert content_tag(one) == content_tag(other) != content_tag({"a": 1})
