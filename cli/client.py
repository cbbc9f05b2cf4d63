"""Calls of the HTTP API, and its errors in words."""

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
    "already_active": "Look at it with `flamebot show ACCOUNT`; it has to end or be stopped first.",
    "busy": "Try again when its step has finished; `flamebot show ID` says.",
    "idempotency_in_flight": "Wait a moment and run the same command again.",
    "precondition_failed": "Somebody was faster: look with `flamebot definitions show TYPE`, then apply again.",
    "revision_conflict": "It changed a moment ago; look with `flamebot show ID` and try again.",
    "unknown_workflow_type": "`flamebot definitions list` shows which there are.",
}
_NEXT_BY_STATUS = {
    401: "Get a fresh token: `flamebot token` for the local stack, else set FLAMEBOT_TOKEN.",
    404: "`flamebot list` shows what there is.",
    413: "Send less at once.",
    429: "Wait a moment and try again.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A good answer."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Api:
    """One target's API. Nothing is sent twice by itself."""

    def __init__(self, target: Target, *, timeout: float = 35.0) -> None:
        """Open no connection yet. The API answers within 29 s, so the default waits for a late answer but not for ever."""
        import httpx  # `flamebot --help` has no use for it

        self.target = target
        loopback = urlsplit(target.api_url).hostname in _LOOPBACK
        self._http: httpx.Client = httpx.Client(
            base_url=target.api_url,
            headers={"Authorization": f"Bearer {target.token}", "Accept": "application/json"},
            timeout=timeout,
            trust_env=not loopback,  # a company's proxy is for the company's network
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, *, what: str, params: Mapping[str, Any] | None = None) -> Answer:
        """Read."""
        return self.call("GET", path, what=what, params=params)

    def post(
        self, path: str, body: object, *, what: str, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Do."""
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
    ) -> Answer:
        """Call once. `what` says what was attempted, as the first line of an error. Raises `Failure`."""
        import httpx

        sent = dict(headers or {})
        content = None
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
            sent["Content-Type"] = "application/json"
        asked = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            response = self._http.request(method, path, params=asked, content=content, headers=sent)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise self._unreachable(what, error) from None
        if not response.is_success:
            raise _refused(what, response)
        return Answer(status=response.status_code, body=_json(response), headers=response.headers)

    def pages(
        self, path: str, *, what: str, params: Mapping[str, Any], most: int | None
    ) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page, up to `most`."""
        cursor, left = None, most
        while left is None or left > 0:
            size = 200 if left is None else min(left, 200)
            page = self.get(
                path, what=what, params={**params, "limit": size, "cursor": cursor}
            ).body
            yield from page["items"]
            cursor = page.get("nextCursor")
            if cursor is None:
                return
            left = None if left is None else left - len(page["items"])

    def _unreachable(self, what: str, error: Exception) -> Failure:
        import httpx

        if isinstance(error, httpx.TimeoutException):
            why = f"{self.target.api_url} did not answer in time."
            return Failure(
                what,
                why,
                "It may have been done all the same: look before you try again, or wait longer with --timeout.",
            )
        why = f"{self.target.api_url} (from {self.target.source}) cannot be reached: {type(error).__name__}."
        return Failure(what, why, "Is it running? `flamebot dev` starts the local stack.")


def segment(name: str) -> str:
    """An id as one segment of a path."""
    return quote(name, safe="")


def _json(response: httpx.Response) -> Any:  # noqa: ANN401  # JSON
    try:
        return response.json() if response.content else None
    except (ValueError, RecursionError):
        return None


def _refused(what: str, response: httpx.Response) -> Failure:
    """An error of ours (problem+json), or the gateway's own (`{message}`)."""
    status, body = response.status_code, _json(response)
    problem = body if isinstance(body, dict) else {}
    code = problem.get("code") if isinstance(problem.get("code"), str) else None
    why = (
        problem.get("detail")
        or problem.get("message")
        or problem.get("title")
        or f"The API answered {status}."
    )
    errors = [error for error in problem.get("errors") or [] if isinstance(error, dict)]
    patience = response.headers.get("Retry-After", "")
    return Failure(
        what,
        f"{why} ({status}{f', {code}' if code else ''})",
        _advice(problem, status, code, response),
        _EXITS.get(status, Exit.FAILURE),
        request_id=problem.get("requestId")
        or response.headers.get("X-Request-Id")
        or response.headers.get("Apigw-Requestid"),
        status=status,
        code=code,
        errors=errors,
        retry_after=float(patience) if patience.isdecimal() else None,
    )


def _advice(
    problem: Mapping[str, Any], status: int, code: str | None, response: httpx.Response
) -> str | None:
    if "allowed" in problem:
        allowed = ", ".join(map(str, problem["allowed"]))
        return (
            f"What it allows now: {allowed}."
            if allowed
            else "It is over and allows nothing; `flamebot start ACCOUNT` starts another."
        )
    if status == 403:
        challenge = response.headers.get("WWW-Authenticate", "")
        scope = challenge.partition('scope="')[2].partition('"')[0].rpartition("/")[2]
        return f"Use a token with the scope {scope or 'that it needs'}: `flamebot token` on the local stack."
    if status >= 500:
        patience = response.headers.get("Retry-After")
        return (
            f"Try again in {patience} s."
            if patience
            else "Try again; if it stays, give the request id to whoever runs the API."
        )
    return _NEXT.get(code or "") or _NEXT_BY_STATUS.get(status)
