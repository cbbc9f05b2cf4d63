"""GET /v1/me: the caller as its token names it, and what the deployment knows of itself."""

from __future__ import annotations

import pytest

from flamebot.http.endpoint import SCOPES
from flamebot.version import VERSION
from tests.integration.http.conftest import Api


def test_a_caller_is_shown_as_the_token_names_it(http: Api) -> None:
    """Subject, scopes without the prefix, version, stage and clock rate are shown."""
    shown = http.call("GET", "/v1/me", sub="alice")
    assert (shown.status, shown.body) == (
        200,
        {
            "subject": "alice",
            "scopes": list(SCOPES),
            "version": VERSION,
            "stage": "local",
            "clockRate": 1.0,
        },
    )


@pytest.mark.parametrize(
    ("granted", "scopes"),
    [
        ("flamebot/read", ["read"]),
        ("flamebot/admin  flamebot/read openid", ["read", "admin"]),
        ("flamebot/read other/admin admin flamebot/admin2", ["read"]),
    ],
)
def test_only_scopes_of_this_api_are_shown(http: Api, granted: str, scopes: list[str]) -> None:
    """Other scopes of the token, and those without the prefix, grant nothing here."""
    assert http.call("GET", "/v1/me", scopes=granted).body["scopes"] == scopes


def test_it_needs_the_scope_read(http: Api) -> None:
    """A token without the scope read gets 403."""
    assert http.call("GET", "/v1/me", scopes="flamebot/admin").status == 403
