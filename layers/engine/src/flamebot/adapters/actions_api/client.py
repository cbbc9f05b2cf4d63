"""The actions service over HTTP, as `actions-api.yaml` has it.

No redirect is followed, no proxy is read from the environment, no cookie is kept, and one deadline bounds a call as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx

from flamebot.adapters.actions_api import answers
from flamebot.adapters.actions_api.deadline import Deadline, DeadlineTransport
from flamebot.domain.errors import OutcomeUnknown, ServiceRefused, ServiceThrottled
from flamebot.domain.task import EffectRequest
from flamebot.ports.actions_service import AccountStatus, Job

_LONGEST_ANSWER: Final = 1 << 20
_PRINTABLE: Final = "".join(map(chr, range(33, 127))).replace("%", "")


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # the default of an argument: Retry-After is wall time


class ActionsApi:
    """One request per call, none repeated. Nothing that was sent or answered ever gets into an exception's text."""

    def __init__(
        self,
        base_url: str,
        token: Callable[[], str],
        *,
        timeout: timedelta,
        wall: Callable[[], datetime] = _now,
    ) -> None:
        """Take the service's address and how to get the bearer token. `timeout` bounds a call as a whole.

        Safe to share between threads. Raises `ValueError` when the address is none.
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
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def register(
        self, account_id: str, body: Mapping[str, object], *, key: str, fencing_token: int
    ) -> AccountStatus:
        """Hand the account over, or its new version."""
        answer = self._call(
            "PUT",
            _path("/accounts/{accountId}", accountId=account_id),
            body,
            key=key,
            fencing_token=fencing_token,
        )
        return answers.account_status(_present(answer))

    def account_status(self, account_id: str) -> AccountStatus | None:
        """Ask for the account's status; None if the service does not know it."""
        answer = self._call("GET", _path("/accounts/{accountId}", accountId=account_id), absent=404)
        return None if answer is None else answers.account_status(answer)

    def submit(
        self, account_id: str, request: EffectRequest, *, key: str, fencing_token: int
    ) -> str:
        """Send a write; the answer is the job's id."""
        path = _path(request.path, accountId=account_id)
        return answers.job_id(
            _present(
                self._call(request.method, path, request.body, key=key, fencing_token=fencing_token)
            )
        )

    def find(self, key: str) -> Job | None:
        """Look a write up whose answer was lost."""
        return answers.jobs(
            _present(self._call("GET", "/tasks?" + urlencode({"idempotencyKey": key})))
        )

    def job(self, job_id: str) -> Job | None:
        """Ask how far a job is; None if the service does not know it."""
        answer = self._call("GET", _path("/tasks/{taskId}", taskId=job_id), absent=404)
        return None if answer is None else answers.job(answer)

    def cancel(self, job_id: str) -> Job | None:
        """Cancel; a finished job stays finished. None if the service does not know it."""
        answer = self._call("POST", _path("/tasks/{taskId}/cancel", taskId=job_id), absent=404)
        return None if answer is None else answers.job(answer)

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        fencing_token: int | None = None,
        absent: int | None = None,
    ) -> dict[str, Any] | None:
        """One exchange, classified; None for the status that says there is no such thing."""
        headers = self._headers(key, fencing_token)
        content = None
        if body is not None:
            content = canonical(body)
            headers["Content-Type"] = "application/json"
        try:
            with (
                self._deadline.within(self._timeout),
                self._http.stream(
                    method, self._base_url + path, headers=headers, content=content
                ) as response,
            ):
                status = response.status_code
                text = (
                    _read(response) if 200 <= status < 300 else b""
                )  # what a refusal says is never shown, so never read
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OutcomeUnknown(
                f"The actions service did not answer: {error if isinstance(error, httpx.TransportError) else type(error).__name__}."
            ) from None
        if 200 <= status < 300:
            return answers.document(text)
        if status == absent:
            return None
        patience = answers.retry_after(response.headers.get("retry-after"), self._wall())
        if status == 429:
            raise ServiceThrottled(
                "The actions service asks for patience (429).", retry_after=patience
            )
        if 400 <= status < 500:
            raise ServiceRefused(f"The actions service refused: {status}.", retry_after=patience)
        raise OutcomeUnknown(f"The actions service answered {status}.", retry_after=patience)

    def _headers(self, key: str | None, fencing_token: int | None) -> dict[str, str]:
        try:
            token = self._token()
        except Exception as error:  # noqa: BLE001  # whatever keeps secrets may fail in its own way; nothing was sent
            raise OutcomeUnknown(
                f"The token for the actions service cannot be read: {type(error).__name__}."
            ) from None
        if not (token.isascii() and token.isprintable()):
            raise OutcomeUnknown(
                "The token for the actions service is none that a header can carry."
            )
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "flamebot",
        }
        if key is not None:
            headers["Idempotency-Key"] = quote(key, safe=_PRINTABLE)
        if fencing_token is not None:
            headers["X-Fencing-Token"] = str(fencing_token)
        return headers


def canonical(body: Mapping[str, object]) -> bytes:
    """The one spelling of a body: whatever order it was stored in, a re-send is the same byte for byte."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "replace"
    )


def _path(template: str, **segments: str) -> str:
    """Fill a path's segments, quoted whole: an id never becomes two segments, a query or a step upwards."""
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
        if len(text) > _LONGEST_ANSWER:
            answers.unreadable("longer than 1 MiB")
    return bytes(text)


def _present(answer: dict[str, Any] | None) -> dict[str, Any]:
    assert answer is not None, "only calls that name an absent status may get None"
    return answer
