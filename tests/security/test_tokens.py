"""Control: every described route needs a valid token that was issued for this API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from devstack.aws.gateway import match_route
from devstack.tokens import mint
from tests.security import forgery
from tests.security.described import GUARDED, ROUTES, Route, name
from tests.security.front import Front
from tests.support.gateway import make_event

OPEN = {"show_open_health", "show_openapi"}
COUNTS = (
    "select (select count(*) from audit_log), (select count(*) from accounts),"
    " (select count(*) from workflow_definitions)"
)


@pytest.fixture(scope="module")
def attacks(front: Front) -> dict[str, forgery.Headers]:
    """Return the attacks by name."""
    return forgery.headers(front.home)


@pytest.fixture(autouse=True)
def unchanged(front: Front) -> Iterator[None]:
    """A refused request changes nothing and invokes no function."""
    before = front.database.rows(COUNTS)
    yield
    assert front.database.rows(COUNTS) == before


def test_the_inventory_of_routes_is_one(front: Front) -> None:
    """Description and template name the same routes, each with a function and an authorizer."""
    routes = front.template.routes()
    used = set()
    for described in ROUTES:
        match = match_route(routes, described.method, described.at())
        assert match is not None, described
        used.add(match.key)
        assert (match.route.function, match.route.authorized) == (
            described.function,
            described.scope is not None,
        ), described
    assert used == {f"{route.method} {route.path}" for route in routes}
    assert {route.name for route in ROUTES if route.scope is None} == OPEN
    assert {route.path for route in routes if not route.authorized} == {"/health", "/openapi.json"}


@pytest.mark.parametrize("route", GUARDED, ids=name)
def test_a_bad_token_opens_nothing(
    front: Front, attacks: dict[str, forgery.Headers], route: Route
) -> None:
    """S1: an unsigned, foreign, expired, future or misplaced token is a 401 from the gateway."""
    assert len(attacks) >= 50
    for kind, headers in attacks.items():
        answer = front.stranger.request(
            route.method, route.at(), headers=headers, params={"access_token": front.token}
        )
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"}), kind
        assert answer.headers["www-authenticate"] == "Bearer"


def test_the_good_token_is_good(front: Front) -> None:
    """The good token is accepted, without which the refusals would prove nothing."""
    answer = front.stranger.get("/v1/stats", headers={"authorization": f"Bearer {front.token}"})
    assert answer.status_code == 200


@pytest.mark.parametrize("route", GUARDED, ids=name)
@pytest.mark.parametrize(
    "authorizer",
    [
        None,
        {},
        {"jwt": {}},
        {"jwt": {"claims": None}},
        {"jwt": {"claims": {}}},
        {"jwt": {"claims": {"scope": "flamebot/admin flamebot/read"}}},
        {"jwt": {"claims": {"sub": "", "scope": "flamebot/admin"}}},
        {"jwt": {"claims": "sub"}},
        {"lambda": {"sub": "me", "scope": "flamebot/admin"}},
    ],
    ids=str,
)
def test_the_function_itself_asks_who_it_is(front: Front, route: Route, authorizer: Any) -> None:
    """A route deployed without its authorizer is a 401.

    The function trusts only verified claims.
    """
    event = make_event(
        route.method, route.at(), scopes=None, headers={"authorization": f"Bearer {front.token}"}
    )
    event["requestContext"]["authorizer"] = authorizer
    answer = front.functions[route.function].invoke(event, timeout=20)
    assert answer["statusCode"] == 401
    assert answer["headers"]["WWW-Authenticate"] == "Bearer"


def test_claims_come_from_the_token_alone(front: Front) -> None:
    """The audit log holds the token's subject, whatever a client writes elsewhere."""
    token = mint(front.home, subject="alice")
    headers = {
        "authorization": f"Bearer {token}",
        "x-user": "mallory",
        "x-forwarded-user": "mallory",
        "sub": "mallory",
    }
    answer = front.stranger.post(
        "/v1/control/resume-all", headers=headers, json={"reason": "mallory was here"}
    )
    assert answer.status_code == 200
    row = front.database.one(
        "delete from audit_log where action = 'resume_all' returning actor, reason"
    )
    assert row == {"actor": "alice", "reason": "mallory was here"}
