"""Calls of the HTTP API, and its errors as failures with advice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from cli.failures import Exit, Failure
from cli.target import Target

if TYPE_CHECKING:
    import httpx

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EXITS = {
    401: Exit.AUTH,
    403: Exit.AUTH,
    404: Exit.NOT_FOUND,
    409: Exit.CONFLICT,
    412: Exit.CONFLICT,
    428: Exit.CONFLICT,
}
_NEXT = {
    "account_incomplete": "Import the account again with modelId and channelId.",
    "idempotency_in_flight": "Wait a moment and run the same command again.",
    "precondition_failed": "The definition was changed meanwhile. Compare with"
    " `flamebot definitions show TYPE`, then apply again.",
    "revision_conflict": "The workflow changed meanwhile. Check `flamebot show ID` and try again.",
    "unknown_workflow_type": "`flamebot definitions list` shows the definitions.",
}
_NEXT_BY_STATUS = {
    401: "Use a valid token: `flamebot token` prints one for the local stack; elsewhere set"
    " FLAMEBOT_TOKEN.",
    413: "Send less per request.",
    429: "Wait a moment and try again.",
}
_LISTS = {  # of what a path names that does not exist
    "/v1/workflows": "`flamebot list` shows the workflows.",
    "/v1/definitions": "`flamebot definitions list` shows the definitions.",
    "/v1/imports": "`flamebot imports list` shows the imports.",
    "/v1/accounts": "Import the account first: `flamebot import FILE`.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A successful response of the API."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Api:
    """The API of one target. No request is repeated automatically."""

    def __init__(self, target: Target, *, timeout: float = 35.0) -> None:
        """Prepare a client without connecting.

        `timeout` is in seconds; the default is longer than the 29 s that the gateway allows.
        """
        import httpx  # imported here, because `flamebot --help` does without it

        self.target = target
        loopback = urlsplit(target.api_url).hostname in _LOOPBACK
        self._http: httpx.Client = httpx.Client(
            base_url=target.api_url,
            headers={"Authorization": f"Bearer {target.token}", "Accept": "application/json"},
            timeout=timeout,
            trust_env=not loopback,  # a proxy cannot reach this machine's loopback
        )

    def close(self) -> None:
        """Close the open connections."""
        self._http.close()

    def get(self, path: str, *, what: str, params: Mapping[str, Any] | None = None) -> Response:
        """Send a GET request. `what` is the first line of an error. Raises `Failure`."""
        return self.call("GET", path, what=what, params=params)

    def post(
        self, path: str, body: object, *, what: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a POST request. `what` is the first line of an error. Raises `Failure`."""
        return self.call("POST", path, what=what, body=body, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request.

        Args:
            method: The HTTP method.
            path: The path below the target's URL.
            what: What failed if it fails: the first line of the error.
            params: Query parameters; those that are None are left out.
            body: The JSON body, if any.
            headers: Further headers.

        Raises:
            Failure: The API is unreachable or returned an error.
        """
        import httpx

        sent = dict(headers or {})
        content = None
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
            sent["Content-Type"] = "application/json"
        query = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            response = self._http.request(method, path, params=query, content=content, headers=sent)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise self._unreachable(what, error) from None
        if not response.is_success:
            raise _rejected(what, response, self.target)
        return Response(status=response.status_code, body=_json(response), headers=response.headers)

    def pages(
        self, path: str, *, what: str, params: Mapping[str, Any], most: int | None
    ) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page by page, up to `most` or all. Raises `Failure`."""
        yield from self.listed(path, what=what, params=params, most=most)[0]

    def listed(
        self, path: str, *, what: str, params: Mapping[str, Any], most: int | None
    ) -> tuple[list[dict[str, Any]], bool]:
        """Return the items of a list, up to `most` or all, and whether there are more.

        Raises `Failure`.
        """
        items: list[dict[str, Any]] = []
        cursor = None
        while most is None or len(items) < most:
            size = 200 if most is None else min(most - len(items), 200)
            page = self.get(
                path, what=what, params={**params, "limit": size, "cursor": cursor}
            ).body
            items += page["items"]
            cursor = page.get("nextCursor")
            if cursor is None:
                return items, False
        return items, True

    def _unreachable(self, what: str, error: Exception) -> Failure:
        import httpx

        if isinstance(error, httpx.TimeoutException):
            return Failure(
                what,
                f"{self.target.api_url} did not respond in time.",
                "The request may have succeeded: check before you repeat it, or wait longer with"
                " --timeout.",
            )
        reason = str(error) or type(error).__name__
        why = f"{self.target.api_url} (from {self.target.source}) cannot be reached: {reason}."
        return Failure(
            what, why, "Check the address. `flamebot dev` starts the stack on this machine."
        )


def segment(name: str) -> str:
    """Return an id escaped as one segment of a path."""
    return quote(name, safe="")


def _json(response: httpx.Response) -> Any:  # noqa: ANN401  # JSON
    try:
        return response.json() if response.content else None
    except (ValueError, RecursionError):
        return None


def _rejected(what: str, response: httpx.Response, target: Target) -> Failure:
    """Return the failure for an error of the API (problem+json) or the gateway (`{message}`)."""
    status, body = response.status_code, _json(response)
    problem = body if isinstance(body, dict) else {}
    code = problem.get("code") if isinstance(problem.get("code"), str) else None
    why = (
        problem.get("detail")
        or problem.get("message")
        or problem.get("title")
        or f"The API returned status {status}."
    )
    errors = [error for error in problem.get("errors") or [] if isinstance(error, dict)]
    retry_after = response.headers.get("Retry-After", "")
    return Failure(
        what,
        f"{why} ({status}{f', {code}' if code else ''})",
        _advice(problem, code, response, target),
        _EXITS.get(status, Exit.FAILURE),
        request_id=problem.get("requestId")
        or response.headers.get("X-Request-Id")
        or response.headers.get("Apigw-Requestid"),
        status=status,
        code=code,
        errors=errors,
        retry_after=float(retry_after) if retry_after.isdecimal() else None,
    )


def _advice(
    problem: Mapping[str, Any], code: str | None, response: httpx.Response, target: Target
) -> str | None:
    status = response.status_code
    if problem.get("allowed"):
        return f"Allowed now: {', '.join(map(str, problem['allowed']))}."
    if code == "already_active":
        live = problem.get("liveWorkflowId") or "ACCOUNT"
        return f"`flamebot show {live}` shows the live workflow; `flamebot stop {live}` ends it."
    if status == 404:
        path = urlsplit(str(response.request.url)).path
        return next((text for start, text in _LISTS.items() if path.startswith(start)), None)
    if status == 403:
        challenge = response.headers.get("WWW-Authenticate", "")
        scope = challenge.partition('scope="')[2].partition('"')[0].rpartition("/")[2]
        needed = f"the scope {scope}" if scope else "the scope of this operation"
        return f"Use a token with {needed}; `flamebot token` prints one for the local stack."
    if status >= 500:
        log = target.log("api") if status == 500 else None
        if log:
            return f"{log} has the error with file and line."
        retry_after = response.headers.get("Retry-After")
        if retry_after:
            return f"Try again in {retry_after} s."
        return "Try again. If it fails again, report the request id to the operators of the API."
    return _NEXT.get(code or "") or _NEXT_BY_STATUS.get(status)
