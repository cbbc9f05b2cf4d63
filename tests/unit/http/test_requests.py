"""Queries and bodies are validated before a handler runs."""

from __future__ import annotations

from typing import Any

import pytest

from flamebot.http.request import MAX_BODY
from flamebot.http.router import Router
from tests.unit.http.echo_api import assert_problem, call


class TestQuery:
    """Typing errors in filters must not response everything."""

    def test_an_unknown_parameter_is_refused(self, router: Router, event: Any) -> None:
        """An unknown parameter gets 422 with its name."""
        assert_problem(
            call(router, event("GET", "/v1/things", query="limits=3")), 422, "invalid", "/limits"
        )

    def test_a_route_without_parameters_refuses_all(self, router: Router, event: Any) -> None:
        """A route without parameters refuses every parameter, also without a token."""
        assert_problem(call(router, event("GET", "/open", query="a=1")), 422, "invalid", "/a")

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=201", "limit=many", "limit=", "limit=1&limit=2", "limit=%00"]
    )
    def test_a_bad_value_is_refused(self, router: Router, event: Any, query: str) -> None:
        """A value out of range, of another type or given twice gets 422."""
        assert_problem(
            call(router, event("GET", "/v1/things", query=query)), 422, "invalid", "/limit"
        )

    def test_too_many_parameters_are_malformed(self, router: Router, event: Any) -> None:
        """A query of a thousand parameters gets 400."""
        assert_problem(
            call(
                router, event("GET", "/v1/things", query="&".join(f"a{n}=1" for n in range(1000)))
            ),
            400,
            "malformed",
        )


class TestBody:
    """A body must be JSON, of limited size, and valid against its model."""

    def test_a_good_body_arrives(self, router: Router, event: Any) -> None:
        """A valid body reaches the handler as it was sent."""
        assert call(router, event("POST", "/v1/things", body={"accountId": "a"}))[1][
            "document"
        ] == {"accountId": "a"}

    def test_base64_is_unpacked(self, router: Router, event: Any) -> None:
        """The gateway encodes binary bodies in base64, and the router decodes them."""
        assert call(router, event("POST", "/v1/things", raw=b'{"accountId": "\xc3\xa4"}'))[1][
            "document"
        ] == {"accountId": "ä"}

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
            '{"accountId": "a", "accountId": "b"}',
            '{"a": 01}',
            "{'a': 1}",
            '{"a": "\x01"}',
            "[" * 100_000,
            "[" * 100 + "]" * 100,
            '{"a":' * 200 + "1" + "}" * 200,
            '{"a": ' + "9" * 5000 + "}",
            b"\xff\xfe{\x00}\x00",
            b"\xff",
            b'\xef\xbb\xbf{"accountId": "a"}',
        ],
    )
    def test_what_is_not_json_is_malformed(
        self, router: Router, event: Any, raw: str | bytes
    ) -> None:
        """A body that is not unambiguous JSON gets 400."""
        assert_problem(call(router, event("POST", "/v1/things", raw=raw)), 400, "malformed")

    def test_invalid_base64_is_malformed(self, router: Router, event: Any) -> None:
        """A body with an invalid encoding gets 400."""
        bad = event("POST", "/v1/things", raw=b"x")
        bad["body"] = "***"
        assert_problem(call(router, bad), 400, "malformed")

    @pytest.mark.parametrize(
        ("raw", "pointers"),
        [
            ("null", [""]),
            ("[]", [""]),
            ('"text"', [""]),
            ("{}", ["/accountId"]),
            ('{"accountId": 3}', ["/accountId"]),
            ('{"accountId": null, "many": "2"}', ["/accountId", "/many"]),
            ('{"accountId": "a", "many": 0}', ["/many"]),
            ('{"accountId": "a", "many": 1.5}', ["/many"]),
            ('{"accountId": "a", "many": true}', ["/many"]),
            ('{"accountId": "a", "flamebot_id": "b"}', ["/flamebot_id"]),
            ('{"accountId": "a", "x/y~z": 1}', ["/x~1y~0z"]),
            ('{"accountId": "a\\u0000b"}', ["/accountId"]),
            ('{"accountId": "\\ud800"}', ["/accountId"]),
            ('{"a": [1, {"b": "\\udc00"}]}', ["/a/1/b"]),
            ('{"\\u0000": 1}', [""]),
        ],
    )
    def test_what_does_not_fit_is_invalid(
        self, router: Router, event: Any, raw: str, pointers: list[str]
    ) -> None:
        """An invalid body gets 422 with a pointer to each issue."""
        assert_problem(
            call(router, event("POST", "/v1/things", raw=raw)), 422, "invalid", *pointers
        )

    def test_many_issues_get_a_short_response(self, router: Router, event: Any) -> None:
        """Thousands of unknown fields get a response that the gateway accepts."""
        flood = {"accountId": "a"} | {f"{n}" * 40: n for n in range(20_000)}
        response = router.handle(event("POST", "/v1/things", body=flood))
        assert response["statusCode"] == 422
        assert len(response["body"]) < 50_000

    def test_more_than_5_mb_is_too_large(self, router: Router, event: Any) -> None:
        """More than 5 MB gets 413, in plain text and in base64; exactly 5 MB is accepted."""
        frame = len('{"accountId":""}')
        fits = '{"accountId":"' + "a" * (MAX_BODY - frame) + '"}'
        assert call(router, event("POST", "/v1/things", raw=fits))[0] == 200
        for raw in (
            fits + " ",
            (fits + " ").encode(),
            ("ä" * (MAX_BODY // 2 + 1)),
            b"x" * MAX_BODY * 2,
        ):
            assert_problem(call(router, event("POST", "/v1/things", raw=raw)), 413, "too_large")

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
        """A body of another media type or encoding gets 415."""
        assert_problem(
            call(router, event("POST", "/v1/things", body={}, headers=headers)),
            415,
            "unsupported_media_type",
        )

    def test_utf_8_may_be_named_as_charset(self, router: Router, event: Any) -> None:
        """The media type may have the charset UTF-8, in any case."""
        headers = {"content-type": 'Application/JSON; charset="UTF-8"'}
        assert (
            call(router, event("POST", "/v1/things", body={"accountId": "a"}, headers=headers))[0]
            == 200
        )

    def test_an_optional_body_may_be_absent(self, router: Router, event: Any) -> None:
        """An optional body may be absent, together with its media type."""
        assert call(router, event("POST", "/v1/poke"))[0] == 200
