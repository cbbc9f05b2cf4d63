"""The way of a request: every wrong turn ends in a problem that says what is wrong, never in a 500."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from pydantic import Field

from flamebot.domain.errors import NotAllowed, StoreUnavailable
from flamebot.http.endpoint import Endpoint
from flamebot.http.request import MAX_BODY, Request
from flamebot.http.response import SECURITY_HEADERS, Response
from flamebot.http.router import Router
from flamebot.http.wire import Filter, RequestModel


class Thing(RequestModel):
    """A body with a field of each kind."""

    flamebot_id: str
    many: Annotated[int, Field(ge=1)] = 1


class Few(Filter):
    """A query with one parameter."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50


TABLE = (
    Endpoint(
        name="put",
        method="POST",
        path="/v1/things",
        scope="admin",
        summary="Put.",
        response=None,
        body=Thing,
    ),
    Endpoint(
        name="list",
        method="GET",
        path="/v1/things",
        scope="read",
        summary="List.",
        response=None,
        query=Few,
    ),
    Endpoint(
        name="show",
        method="GET",
        path="/v1/things/{id}",
        scope="read",
        summary="Show.",
        response=None,
    ),
    Endpoint(
        name="known",
        method="GET",
        path="/v1/things/schema",
        scope="read",
        summary="Known.",
        response=None,
    ),
    Endpoint(name="open", method="GET", path="/open", scope=None, summary="Open.", response=None),
    Endpoint(
        name="poke",
        method="POST",
        path="/v1/poke",
        scope="admin",
        summary="Poke.",
        response=None,
        body=Filter,
        body_optional=True,
    ),
    Endpoint(
        name="down", method="GET", path="/v1/down", scope="read", summary="Down.", response=None
    ),
    Endpoint(
        name="broken",
        method="GET",
        path="/v1/broken",
        scope="read",
        summary="Broken.",
        response=None,
    ),
    Endpoint(
        name="refused",
        method="GET",
        path="/v1/refused",
        scope="read",
        summary="Refused.",
        response=None,
    ),
)


def echo(request: Request) -> Response:
    """What the handler got."""
    return Response(
        status=200,
        body={"path": dict(request.path), "actor": request.actor, "document": request.document},
    )


def down(request: Request) -> Response:
    """The database is away."""
    raise StoreUnavailable


def broken(request: Request) -> Response:
    """A mistake of ours, with something in its message that nobody may see."""
    raise ZeroDivisionError("hunter2")


def refused(request: Request) -> Response:
    """A state that does not allow it."""
    raise NotAllowed(allowed=["stop", "resume"])


@pytest.fixture
def router(telemetry: Any) -> Router:
    """A router with an echo behind each endpoint."""
    handlers = {endpoint.name: echo for endpoint in TABLE} | {
        "down": down,
        "broken": broken,
        "refused": refused,
    }
    return Router(TABLE, handlers, scope_prefix="flamebot/", telemetry=telemetry)


def told(router: Router, event: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    """Status, body, headers."""
    answer = router.handle(event)
    return answer["statusCode"], json.loads(answer["body"]), answer["headers"]


def assert_problem(
    answer: tuple[int, Any, dict[str, str]], status: int, code: str, *pointers: str
) -> None:
    """It is a whole problem document."""
    got, body, headers = answer
    assert (got, body["status"], body["code"]) == (status, status, code), body
    assert headers["Content-Type"] == "application/problem+json"
    assert set(body) >= {"type", "title", "status", "detail", "code", "requestId", "errors"}
    assert [error["pointer"] for error in body["errors"]] == list(pointers)


class TestMatching:
    """Which handler, if any."""

    def test_parameters_reach_the_handler_decoded(self, router: Router, event: Any) -> None:
        """A percent-encoded id is the id."""
        assert told(router, event("GET", "/v1/things/a%40b%2Fc"))[1]["path"] == {"id": "a@b/c"}

    def test_a_path_without_parameters_wins(self, router: Router, event: Any) -> None:
        """`/things/schema` is not the thing named schema."""
        assert told(router, event("GET", "/v1/things/schema"))[1]["path"] == {}

    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "",
            "/v1",
            "/v2/things",
            "/v1/things/",
            "/v1/things/a/b",
            "//v1/things",
            "/v1/things/../open",
        ],
    )
    def test_an_unknown_path_is_not_found(self, router: Router, event: Any, path: str) -> None:
        """404, as a problem."""
        assert_problem(told(router, event("GET", path)), 404, "not_found")

    @pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT", "HEAD", "OPTIONS", "BREW"])
    def test_a_wrong_method_learns_which_are_right(
        self, router: Router, event: Any, method: str
    ) -> None:
        """405 with Allow."""
        answer = told(router, event(method, "/v1/things"))
        assert_problem(answer, 405, "method_not_allowed")
        assert answer[2]["Allow"] == "GET, POST"

    def test_what_another_function_answers_is_told_too(self, telemetry: Any, event: Any) -> None:
        """`Allow` belongs to the resource, however its methods are spread over functions."""
        there, here = TABLE[:1], TABLE[1:]
        router = Router(
            here,
            {endpoint.name: echo for endpoint in here},
            scope_prefix="",
            telemetry=telemetry,
            elsewhere=there,
        )
        assert told(router, event("DELETE", "/v1/things"))[2]["Allow"] == "GET, POST"
        assert_problem(told(router, event("POST", "/v1/things")), 405, "method_not_allowed")

    def test_a_stage_in_the_path_is_left_out(self, router: Router, event: Any) -> None:
        """A gateway stage other than $default stands in front of the path."""
        staged = event("GET", "/prod/open")
        staged["requestContext"]["stage"] = "prod"
        assert told(router, staged)[0] == 200

    def test_an_endpoint_without_handler_is_found_at_start(self, telemetry: Any) -> None:
        """The table and the handlers are the same set."""
        with pytest.raises(ValueError, match="differ"):
            Router(TABLE, {}, scope_prefix="", telemetry=telemetry)


class TestGuard:
    """Who may."""

    def test_no_claims_no_entry(self, router: Router, event: Any) -> None:
        """401, and how to come again."""
        answer = told(router, event("GET", "/v1/things", scopes=None))
        assert_problem(answer, 401, "unauthenticated")
        assert answer[2]["WWW-Authenticate"] == "Bearer"

    @pytest.mark.parametrize(
        "scopes",
        ["", "flamebot/admin", "read", "flamebot/read.all", "other/read", "flamebot/reads"],
    )
    def test_another_scope_is_no_scope(self, router: Router, event: Any, scopes: str) -> None:
        """403 unless the very scope is there, with its prefix."""
        answer = told(router, event("GET", "/v1/things", scopes=scopes))
        assert_problem(answer, 403, "forbidden")
        assert 'scope="flamebot/read"' in answer[2]["WWW-Authenticate"]

    def test_the_guard_stands_before_the_body(self, router: Router, event: Any) -> None:
        """Who may not call learns nothing about the body."""
        assert_problem(
            told(router, event("POST", "/v1/things", raw="{", scopes="flamebot/read")),
            403,
            "forbidden",
        )

    def test_an_open_route_asks_for_nothing(self, router: Router, event: Any) -> None:
        """No token is needed."""
        assert told(router, event("GET", "/open", scopes=None))[0] == 200

    def test_claims_without_a_subject_are_none(self, router: Router, event: Any) -> None:
        """The audit log must be able to name somebody."""
        assert_problem(told(router, event("GET", "/v1/things", sub="")), 401, "unauthenticated")


class TestQuery:
    """Typing errors in filters must not answer everything."""

    def test_an_unknown_parameter_is_refused(self, router: Router, event: Any) -> None:
        """It is named."""
        assert_problem(
            told(router, event("GET", "/v1/things", query="limits=3")), 422, "invalid", "/limits"
        )

    def test_a_route_without_parameters_refuses_all(self, router: Router, event: Any) -> None:
        """The open ones too."""
        assert_problem(told(router, event("GET", "/open", query="a=1")), 422, "invalid", "/a")

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=201", "limit=many", "limit=", "limit=1&limit=2", "limit=%00"]
    )
    def test_a_bad_value_is_refused(self, router: Router, event: Any, query: str) -> None:
        """Out of range, no number, given twice."""
        assert_problem(
            told(router, event("GET", "/v1/things", query=query)), 422, "invalid", "/limit"
        )

    def test_a_flood_of_parameters_is_malformed(self, router: Router, event: Any) -> None:
        """Nobody counts to a thousand."""
        assert_problem(
            told(
                router, event("GET", "/v1/things", query="&".join(f"a{n}=1" for n in range(1000)))
            ),
            400,
            "malformed",
        )


class TestBody:
    """What is not JSON, too much, or not what was asked for."""

    def test_a_good_body_arrives(self, router: Router, event: Any) -> None:
        """As it was sent."""
        assert told(router, event("POST", "/v1/things", body={"flamebotId": "a"}))[1][
            "document"
        ] == {"flamebotId": "a"}

    def test_base64_is_unpacked(self, router: Router, event: Any) -> None:
        """The gateway encodes what it takes for binary."""
        assert told(router, event("POST", "/v1/things", raw=b'{"flamebotId": "\xc3\xa4"}'))[1][
            "document"
        ] == {"flamebotId": "ä"}

    @pytest.mark.parametrize(
        "raw",
        [
            "",
            "   ",
            "{",
            "nonsense",
            '{"a": NaN}',
            '{"a": Infinity}',
            '{"a": 1e999}',
            '{"flamebotId": "a", "flamebotId": "b"}',
            '{"a": 01}',
            "{'a': 1}",
            '{"a": "\x01"}',
            "[" * 100_000,
            "[" * 100 + "]" * 100,
            '{"a":' * 200 + "1" + "}" * 200,
            '{"a": ' + "9" * 5000 + "}",
            b"\xff\xfe{\x00}\x00",
            b"\xff",
            b'\xef\xbb\xbf{"flamebotId": "a"}',
        ],
    )
    def test_what_is_not_json_is_malformed(
        self, router: Router, event: Any, raw: str | bytes
    ) -> None:
        """400, whatever the parser thinks of it."""
        assert_problem(told(router, event("POST", "/v1/things", raw=raw)), 400, "malformed")

    def test_base64_that_is_none_is_malformed(self, router: Router, event: Any) -> None:
        """A broken encoding is the client's matter."""
        bad = event("POST", "/v1/things", raw=b"x")
        bad["body"] = "***"
        assert_problem(told(router, bad), 400, "malformed")

    @pytest.mark.parametrize(
        ("raw", "pointers"),
        [
            ("null", [""]),
            ("[]", [""]),
            ('"text"', [""]),
            ("{}", ["/flamebotId"]),
            ('{"flamebotId": 3}', ["/flamebotId"]),
            ('{"flamebotId": null, "many": "2"}', ["/flamebotId", "/many"]),
            ('{"flamebotId": "a", "many": 0}', ["/many"]),
            ('{"flamebotId": "a", "many": 1.5}', ["/many"]),
            ('{"flamebotId": "a", "many": true}', ["/many"]),
            ('{"flamebotId": "a", "flamebot_id": "b"}', ["/flamebot_id"]),
            ('{"flamebotId": "a", "x/y~z": 1}', ["/x~1y~0z"]),
            ('{"flamebotId": "a\\u0000b"}', ["/flamebotId"]),
            ('{"flamebotId": "\\ud800"}', ["/flamebotId"]),
            ('{"a": [1, {"b": "\\udc00"}]}', ["/a/1/b"]),
            ('{"\\u0000": 1}', [""]),
        ],
    )
    def test_what_does_not_fit_is_invalid(
        self, router: Router, event: Any, raw: str, pointers: list[str]
    ) -> None:
        """422 with a pointer to each issue."""
        assert_problem(
            told(router, event("POST", "/v1/things", raw=raw)), 422, "invalid", *pointers
        )

    def test_a_body_of_issues_gets_a_short_answer(self, router: Router, event: Any) -> None:
        """A hundred thousand unknown fields do not make an answer that the gateway refuses."""
        flood = {"flamebotId": "a"} | {f"{n}" * 40: n for n in range(20_000)}
        answer = router.handle(event("POST", "/v1/things", body=flood))
        assert answer["statusCode"] == 422
        assert len(answer["body"]) < 50_000

    def test_more_than_5_mb_is_too_large(self, router: Router, event: Any) -> None:
        """413, plain or as base64; exactly 5 MB is not."""
        frame = len('{"flamebotId":""}')
        fits = '{"flamebotId":"' + "a" * (MAX_BODY - frame) + '"}'
        assert told(router, event("POST", "/v1/things", raw=fits))[0] == 200
        for raw in (
            fits + " ",
            (fits + " ").encode(),
            ("ä" * (MAX_BODY // 2 + 1)),
            b"x" * MAX_BODY * 2,
        ):
            assert_problem(told(router, event("POST", "/v1/things", raw=raw)), 413, "too_large")

    @pytest.mark.parametrize(
        "headers",
        [
            {"content-type": "text/plain"},
            {"content-type": ""},
            {"content-type": "application/json; charset=latin-1"},
            {"content-type": "application/x-www-form-urlencoded"},
            {"content-type": "application/jsonx"},
            {"content-encoding": "gzip"},
        ],
    )
    def test_another_media_type_is_unsupported(
        self, router: Router, event: Any, headers: dict[str, str]
    ) -> None:
        """415."""
        assert_problem(
            told(router, event("POST", "/v1/things", body={}, headers=headers)),
            415,
            "unsupported_media_type",
        )

    def test_a_charset_that_says_the_obvious_is_fine(self, router: Router, event: Any) -> None:
        """UTF-8 may be named."""
        headers = {"content-type": 'Application/JSON; charset="UTF-8"'}
        assert (
            told(router, event("POST", "/v1/things", body={"flamebotId": "a"}, headers=headers))[0]
            == 200
        )

    def test_an_optional_body_may_be_absent(self, router: Router, event: Any) -> None:
        """Not even a media type is needed then."""
        assert told(router, event("POST", "/v1/poke"))[0] == 200


class TestAnswers:
    """What every answer carries."""

    def test_errors_of_ours_stay_ours(self, router: Router, event: Any, telemetry: Any) -> None:
        """A 500 shows no trace and no message; the log says where, and no message either."""
        answer = router.handle(event("GET", "/v1/broken"))
        assert answer["statusCode"] == 500
        assert "hunter2" not in json.dumps(answer) + repr(telemetry.lines)
        assert "ZeroDivisionError" not in answer["body"]
        assert telemetry.lines[0][1]["code"] == "ZeroDivisionError"
        assert any("broken" in place for place in telemetry.lines[0][1]["where"])

    def test_a_database_that_is_away_asks_for_patience(self, router: Router, event: Any) -> None:
        """503 with Retry-After."""
        answer = told(router, event("GET", "/v1/down"))
        assert_problem(answer, 503, "database_unavailable")
        assert answer[2]["Retry-After"] == "5"

    def test_a_conflict_says_what_is_allowed(self, router: Router, event: Any) -> None:
        """409 with the allowed actions."""
        answer = told(router, event("GET", "/v1/refused"))
        assert_problem(answer, 409, "not_allowed")
        assert answer[1]["allowed"] == ["resume", "stop"]

    def test_a_request_id_is_reclaimed(self, router: Router, event: Any) -> None:
        """The client's, if it is a decent one."""
        answer = told(router, event("GET", "/nowhere", headers={"X-Request-Id": "abc-1"}))
        assert (answer[1]["requestId"], answer[2]["X-Request-Id"]) == ("abc-1", "abc-1")

    @pytest.mark.parametrize("given", ["", "a b", "a\r\nSet-Cookie: x", "x" * 200, "<script>", "ä"])
    def test_an_odd_request_id_is_replaced(self, router: Router, event: Any, given: str) -> None:
        """Nothing that could end up in a header or a log line as something else."""
        assert (
            told(router, event("GET", "/open", headers={"x-request-id": given}))[2]["X-Request-Id"]
            == "from-the-gateway"
        )

    @pytest.mark.parametrize("path", ["/open", "/nowhere", "/v1/broken"])
    def test_every_answer_carries_the_security_headers(
        self, router: Router, event: Any, path: str
    ) -> None:
        """The good and the bad ones."""
        headers = told(router, event("GET", path))[2]
        assert set(SECURITY_HEADERS) <= set(headers)

    def test_a_line_per_call_without_its_content(
        self, router: Router, event: Any, telemetry: Any
    ) -> None:
        """The template of the path, never what was sent."""
        router.handle(event("GET", "/v1/things/somebody", query="limit=1"))
        assert telemetry.lines[-1] == (
            "request_handled",
            {
                "request_id": "from-the-gateway",
                "method": "GET",
                "route": "/v1/things/{id}",
                "status": 422,
            },
        )
