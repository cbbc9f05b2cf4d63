"""The client of the actions service, whose API `docs/actions-api.yaml` describes.

It follows no redirect, reads no proxy from the environment and keeps no cookies. One deadline
bounds a call as a whole: the leases of tasks and locks rely on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx

from flamebot.adapters.actions_api import responses
from flamebot.adapters.actions_api.deadline import Deadline, DeadlineTransport
from flamebot.adapters.actions_api.silence import silence
from flamebot.adapters.actions_api.statuses import error_for
from flamebot.domain.errors import OutcomeUnknown, ServiceDenied
from flamebot.domain.retry_after import retry_after
from flamebot.domain.task import EffectRequest
from flamebot.ports.actions_service import AccountStatus, Job

_LONGEST_RESPONSE: Final = 1 << 20
_LONGEST_PROBLEM: Final = 1 << 14
_ABSENT: Final = (404, 410)
_PRINTABLE: Final = "".join(map(chr, range(33, 127))).replace("%", "")


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # Retry-After is relative to wall time


class ActionsApi:
    """One request per call, never repeated.

    No exception's text holds any part of a request or a response, which may hold credentials, but
    for the `code` of a problem document.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[], str],
        *,
        timeout: timedelta,
        wall: Callable[[], datetime] = _now,
    ) -> None:
        """Set up a client that several threads may share.

        Args:
            base_url: The service, http or https.
            token: Returns the bearer token; called for every request, so that a rotated one is
                used.
            timeout: The limit of a whole call, wall time.
            wall: The clock that dates in Retry-After are compared with.

        Raises:
            ValueError: The base URL is not an http or https address.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("ACTIONS_BASE_URL must be an http or https address")
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._timeout = timeout.total_seconds()
        self._wall = wall
        self._deadline = Deadline()
        self._http = httpx.Client(
            transport=DeadlineTransport(self._deadline),
            timeout=self._timeout,
            follow_redirects=False,  # guard: no-redirect
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def close(self) -> None:
        """Close all connections of the client."""
        self._http.close()

    def register(
        self, account_id: str, body: Mapping[str, object], *, key: str, fencing_token: int
    ) -> AccountStatus:
        """Register the account, or the new version of it, and return its status."""
        response = self._call(
            "PUT",
            _path("/accounts/{accountId}", accountId=account_id),
            body,
            key=key,
            fencing_token=fencing_token,
            secret=True,
        )
        return responses.account_status(_present(response))

    def account_status(self, account_id: str) -> AccountStatus | None:
        """Return the account's status; None if the service does not know the account."""
        response = self._call(
            "GET", _path("/accounts/{accountId}", accountId=account_id), may_be_absent=True
        )
        return None if response is None else responses.account_status(response)

    def submit(
        self, account_id: str, request: EffectRequest, *, key: str, fencing_token: int
    ) -> str:
        """Send a write and return the id of its job."""
        path = _path(request.path, accountId=account_id)
        return responses.job_id(
            _present(
                self._call(request.method, path, request.body, key=key, fencing_token=fencing_token)
            )
        )

    def find(self, key: str) -> Job | None:
        """Return the job that was submitted under a key; None if the service has none."""
        path = "/tasks?" + urlencode({"idempotencyKey": key})
        response = self._call("GET", path, may_be_absent=True)
        return None if response is None else responses.jobs(response)

    def job(self, job_id: str) -> Job | None:
        """Return a job; None if the service does not know it."""
        response = self._call("GET", _path("/tasks/{taskId}", taskId=job_id), may_be_absent=True)
        return None if response is None else responses.job(response)

    def cancel(self, job_id: str) -> Job | None:
        """Cancel a job and return it; a finished one stays finished. None if it is not known."""
        path = _path("/tasks/{taskId}/cancel", taskId=job_id)
        response = self._call("POST", path, may_be_absent=True)
        return None if response is None else responses.job(response)

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        fencing_token: int | None = None,
        may_be_absent: bool = False,
        secret: bool = False,
    ) -> dict[str, Any] | None:
        """Send a request and classify the response. Return None for 404 and 410, if they may be.

        Of a `secret` request the response's title is not shown: it may repeat the request.
        """
        headers = self._headers(key, fencing_token)
        content = None
        if body is not None:
            content = canonical(body)
            headers["Content-Type"] = "application/json"
        try:
            with (
                self._deadline.within(self._timeout),  # guard: call-deadline
                self._http.stream(
                    method, self._base_url + path, headers=headers, content=content
                ) as response,
            ):
                status = response.status_code
                text = _read(response) if 200 <= status < 300 else b""
                problem = _problem(response) if status >= 400 else b""
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OutcomeUnknown(silence(error)) from None  # guard: silence-is-unknown
        if 200 <= status < 300:
            return responses.read_object(text)
        if may_be_absent and status in _ABSENT:
            return None
        wait = retry_after(response.headers.get("retry-after"), self._wall())
        # guard: secret-request-shows-no-title
        title = None if secret else responses.problem_title(problem)
        raise error_for(status, responses.problem_code(problem), wait, title=title)

    def _headers(self, key: str | None, fencing_token: int | None) -> dict[str, str]:
        # An error here means that nothing was sent, and that the operator's settings are wrong.
        try:
            token = self._token()
        except Exception:  # noqa: BLE001  # the source of the secret has errors of its own
            raise ServiceDenied("The token for the actions service cannot be read.") from None
        if not (token.isascii() and token.isprintable()):
            raise ServiceDenied(
                "The token for the actions service has characters that a header cannot hold."
            )
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "flamebot",
        }
        if key is not None:
            headers["Idempotency-Key"] = quote(key, safe=_PRINTABLE)  # guard: key-header
        if fencing_token is not None:
            headers["X-Fencing-Token"] = str(fencing_token)  # guard: fence-header
        return headers


def canonical(body: Mapping[str, object]) -> bytes:
    """Return a body's only encoding.

    A stored request comes back with its members in another order; sent again under the same key it
    has to be the same, byte for byte.
    """
    text = json.dumps(
        body,
        sort_keys=True,  # guard: canonical-body
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return text.encode("utf-8", "replace")


def _path(template: str, **segments: str) -> str:
    """Fill in a path's segments, quoted: an id never becomes two segments, a query or `..`."""
    for name, value in segments.items():
        quoted = quote(value, safe="")
        template = template.replace(
            "{" + name + "}", quoted.replace(".", "%2E") if quoted in (".", "..") else quoted
        )
    return template


def _read(response: httpx.Response) -> bytes:
    text = bytearray()
    for chunk in response.iter_raw():
        text += chunk
        if len(text) > _LONGEST_RESPONSE:  # guard: longest-response
            responses.unreadable("longer than 1 MiB")
    return bytes(text)


def _problem(response: httpx.Response) -> bytes:
    """Return the start of a refusal's body; nothing if the connection ends within it."""
    text = bytearray()
    try:
        for chunk in response.iter_raw():
            text += chunk
            if len(text) > _LONGEST_PROBLEM:  # guard: longest-problem
                return b""
    except httpx.HTTPError:
        return b""  # the status line is enough
    return bytes(text)


def _present(response: dict[str, Any] | None) -> dict[str, Any]:
    assert response is not None, "only calls that name an absent status may get None"
    return response
