"""Control: a token grants exactly its scopes, checked by the function first."""

from __future__ import annotations

import pytest

from devstack.tokens import SCOPES, mint
from tests.security.described import GUARDED, Route, name
from tests.security.front import Front
from tests.support.gateway import make_event


@pytest.mark.parametrize("route", GUARDED, ids=name)
@pytest.mark.parametrize("scope", SCOPES)
def test_the_matrix(front: Front, route: Route, scope: str) -> None:
    """S2: each scope on each route.

    The right one reaches validation (422), every other one is a 403.
    """
    headers = {"authorization": f"Bearer {mint(front.home, [scope])}"}
    answer = front.stranger.request(
        route.method, route.at(), headers=headers, params={"noSuch": "1"}, content=b"{"
    )
    if scope == route.scope:
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == "/noSuch"
    else:
        assert answer.status_code == 403
        assert f"flamebot/{route.scope}" in answer.json()["detail"]
        assert f'scope="flamebot/{route.scope}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("route", GUARDED, ids=name)
def test_what_only_looks_like_the_scope(front: Front, route: Route) -> None:
    """All other scopes together, and near spellings of the right one, are a 403."""
    needed = f"flamebot/{route.scope}"
    lookalikes = [
        " ".join(f"flamebot/{scope}" for scope in SCOPES if scope != route.scope),
        "",
        str(route.scope),
        f"other/{route.scope}",
        f"{needed}x",
        f"x{needed}",
        needed.upper(),
        f"{needed}/",
        f"{needed},flamebot/read2",
        f"[{needed}]",
        f'"{needed}"',
        "flamebot/*",
        "flamebot/",
        "*",
        needed.replace("a", "\u0430"),
    ]
    for scopes in lookalikes:
        if needed in scopes.split():
            continue  # this one's name has nothing to replace
        event = make_event(route.method, route.at(), raw="{", query="no=such", scopes=scopes)
        assert front.functions[route.function].invoke(event, timeout=20)["statusCode"] == 403, (
            scopes
        )
