"""The router matches, authorizes and responds; no input makes it raise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flamebot.http.response import SECURITY_HEADERS
from flamebot.http.router import Router
from tests.unit.http.echo_api import TABLE, assert_problem, call, echo


class TestMatching:
    """An event is matched to one handler by path and method."""

    def test_parameters_reach_the_handler_decoded(self, router: Router, event: Any) -> None:
        """Percent-encoded path parameters are decoded."""
        assert call(router, event("GET", "/v1/things/a%40b%2Fc"))[1]["path"] == {"id": "a@b/c"}

    def test_a_path_without_parameters_wins(self, router: Router, event: Any) -> None:
        """`/things/schema` is not matched as a thing with the id schema."""
        assert call(router, event("GET", "/v1/things/schema"))[1]["path"] == {}

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
        """An unknown path gets a problem with status 404."""
        assert_problem(call(router, event("GET", path)), 404, "not_found")

    @pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT", "HEAD", "OPTIONS", "BREW"])
    def test_a_wrong_method_gets_the_supported_ones(
        self, router: Router, event: Any, method: str
    ) -> None:
        """An unsupported method gets 405 with Allow."""
        response = call(router, event(method, "/v1/things"))
        assert_problem(response, 405, "method_not_allowed")
        assert response[2]["Allow"] == "GET, POST"

    def test_allow_lists_methods_of_other_functions(self, telemetry: Any, event: Any) -> None:
        """`Allow` has every method of the resource, also those of another function."""
        there, here = TABLE[:1], TABLE[1:]
        router = Router(
            here,
            {endpoint.name: echo for endpoint in here},
            scope_prefix="",
            telemetry=telemetry,
            elsewhere=there,
        )
        assert call(router, event("DELETE", "/v1/things"))[2]["Allow"] == "GET, POST"
        assert_problem(call(router, event("POST", "/v1/things")), 405, "method_not_allowed")

    def test_a_stage_in_the_path_is_left_out(self, router: Router, event: Any) -> None:
        """A gateway stage other than $default precedes the path and is removed."""
        staged = event("GET", "/prod/open")
        staged["requestContext"]["stage"] = "prod"
        assert call(router, staged)[0] == 200

    def test_an_endpoint_without_handler_is_found_at_start(self, telemetry: Any) -> None:
        """The router checks that endpoints and handlers are the same set."""
        with pytest.raises(ValueError, match="differ"):
            Router(TABLE, {}, scope_prefix="", telemetry=telemetry)


class TestAuthorization:
    """A call needs a token with the scope of its endpoint."""

    def test_a_call_without_claims_is_refused(self, router: Router, event: Any) -> None:
        """A call without claims gets 401 with the authentication scheme."""
        response = call(router, event("GET", "/v1/things", scopes=None))
        assert_problem(response, 401, "unauthenticated")
        assert response[2]["WWW-Authenticate"] == "Bearer"

    @pytest.mark.parametrize(
        "scopes",
        ["", "flamebot/admin", "read", "flamebot/read.all", "other/read", "flamebot/reads"],
    )
    def test_another_scope_is_refused(self, router: Router, event: Any, scopes: str) -> None:
        """Only the exact scope with its prefix is accepted; any other gets 403."""
        response = call(router, event("GET", "/v1/things", scopes=scopes))
        assert_problem(response, 403, "forbidden")
        assert 'scope="flamebot/read"' in response[2]["WWW-Authenticate"]

    def test_authorization_comes_before_the_body(self, router: Router, event: Any) -> None:
        """An unauthorized caller gets 403 whatever the body is."""
        assert_problem(
            call(router, event("POST", "/v1/things", raw="{", scopes="flamebot/read")),
            403,
            "forbidden",
        )

    def test_an_open_route_needs_no_token(self, router: Router, event: Any) -> None:
        """An endpoint without a scope needs no token."""
        assert call(router, event("GET", "/open", scopes=None))[0] == 200

    def test_claims_without_a_subject_are_none(self, router: Router, event: Any) -> None:
        """Claims without a subject are refused: the audit log needs an actor."""
        assert_problem(call(router, event("GET", "/v1/things", sub="")), 401, "unauthenticated")


class TestResponses:
    """Every response has its headers, and none shows internal details."""

    def test_internal_errors_show_no_details(
        self, router: Router, event: Any, telemetry: Any
    ) -> None:
        """A 500 shows no traceback and no message.

        The log has the traceback without the message.
        """
        response = router.handle(event("GET", "/v1/broken"))
        assert response["statusCode"] == 500
        assert "hunter2" not in json.dumps(response) + repr(telemetry.lines)
        assert "ZeroDivisionError" not in response["body"]
        assert telemetry.lines[0][1]["code"] == "ZeroDivisionError"
        assert any("broken" in place for place in telemetry.lines[0][1]["where"])

    def test_an_unreachable_database_gets_retry_after(self, router: Router, event: Any) -> None:
        """An unreachable database gets 503 with Retry-After."""
        response = call(router, event("GET", "/v1/down"))
        assert_problem(response, 503, "database_unavailable")
        assert response[2]["Retry-After"] == "5"

    def test_a_conflict_lists_the_allowed_actions(self, router: Router, event: Any) -> None:
        """A refused action gets 409 with the allowed actions."""
        response = call(router, event("GET", "/v1/refused"))
        assert_problem(response, 409, "not_allowed")
        assert response[1]["allowed"] == ["resume", "stop"]

    def test_a_valid_request_id_is_kept(self, router: Router, event: Any) -> None:
        """The client's request id is in the headers and in the problem."""
        response = call(router, event("GET", "/nowhere", headers={"X-Request-Id": "abc-1"}))
        assert (response[1]["requestId"], response[2]["X-Request-Id"]) == ("abc-1", "abc-1")

    @pytest.mark.parametrize("given", ["", "a b", "a\r\nSet-Cookie: x", "x" * 200, "<script>", "ä"])
    def test_an_invalid_request_id_is_replaced(
        self, router: Router, event: Any, given: str
    ) -> None:
        """A request id that could break a header or a log line is replaced."""
        assert (
            call(router, event("GET", "/open", headers={"x-request-id": given}))[2]["X-Request-Id"]
            == "from-the-gateway"
        )

    @pytest.mark.parametrize("path", ["/open", "/nowhere", "/v1/broken"])
    def test_every_response_has_the_security_headers(
        self, router: Router, event: Any, path: str
    ) -> None:
        """Successes and errors have the security headers."""
        headers = call(router, event("GET", path))[2]
        assert set(SECURITY_HEADERS) <= set(headers)

    def test_a_line_per_call_without_its_content(
        self, router: Router, event: Any, telemetry: Any
    ) -> None:
        """The log line of a request has the path's template, not the path or the query."""
        router.handle(event("GET", "/v1/things/one", query="limit=1"))
        assert telemetry.lines[-1] == (
            "request_handled",
            {
                "request_id": "from-the-gateway",
                "method": "GET",
                "route": "/v1/things/{id}",
                "status": 422,
            },
        )
