"""A handler around a function's own that records the usage of an invocation.

The functions of `dollars` are loaded through it. It stands in its own folder, like the functions,
and imports nothing of this project: the product's handler is loaded from METERED_CODE and runs
unchanged. It counts each HTTP request of botocore and httpx, and each byte written to the log.
"""

from __future__ import annotations

import importlib
import io
import json
import math
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import botocore.session
import httpx

_CHUNK = 64 * 1024  # SQS bills each 64 KB of a request as a request
_guard = threading.Lock()
_calls: dict[str, int] = {}
_bytes: dict[str, int] = {}
_sent: list[list[float]] = []  # [when, delay] of each message that was sent, in seconds


def _count(name: str, *, calls: int = 1, size: int = 0) -> None:
    with _guard:
        _calls[name] = _calls.get(name, 0) + calls
        _bytes[name.partition(".")[0]] = _bytes.get(name.partition(".")[0], 0) + size


def _head(headers: Any) -> int:  # noqa: ANN401  # botocore's or httpx's
    return 40 + sum(len(str(name)) + len(str(value)) + 4 for name, value in headers.items())


def _before_send(request: Any, event_name: str, **_more: object) -> None:  # noqa: ANN401  # botocore's AWSPreparedRequest
    """Count each request on the wire, a repeated one too."""
    service, operation = event_name.split(".")[1:3]
    body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
    requests = max(1, math.ceil(len(body) / _CHUNK)) if service == "sqs" else 1
    _count(f"{service}.{operation}", calls=requests, size=_head(request.headers) + len(body))
    if operation == "SendMessageBatch":
        now = time.time()
        with _guard:
            _sent.extend(
                [now, float(entry.get("DelaySeconds", 0))] for entry in json.loads(body)["Entries"]
            )


def _received(response_dict: Any, event_name: str, **_more: object) -> None:  # noqa: ANN401  # botocore's
    _count(
        ".".join(event_name.split(".")[1:3]),
        calls=0,
        size=_head(response_dict["headers"]) + len(response_dict["body"]),
    )


_LISTENERS: dict[str, Any] = {"before-send": _before_send, "response-received": _received}
_begin = botocore.session.Session.__init__


def _metered_session(session: botocore.session.Session, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # botocore's own
    _begin(session, *arguments, **options)
    for event, listener in _LISTENERS.items():
        session.register(event, listener)


setattr(botocore.session.Session, "__init__", _metered_session)  # noqa: B010  # the seam of every client, typed or not
_send = httpx.Client.send


def _metered_send(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:  # noqa: ANN401  # httpx's own
    response = _send(client, request, **options)
    size = (
        _head(request.headers)
        + len(request.content)
        + _head(response.headers)
        + int(response.headers.get("content-length", 0))
    )
    _count(f"actions.{request.method}", size=size)
    return response


httpx.Client.send = _metered_send  # type: ignore[assignment,method-assign]  # the seam behind the actions service's adapter

sys.path.insert(0, os.environ["METERED_CODE"])
_handler = importlib.import_module("app").handler


def _peak_kib() -> int:
    """Return the peak resident memory of this process since its exec."""
    with Path("/proc/self/status").open(encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def _series(lines: list[str]) -> list[str]:
    """Return the CloudWatch metrics of the log lines, each with its dimensions."""
    found = set()
    for line in lines:
        if '"_aws"' in line:
            document = json.loads(line)
            for directive in document["_aws"]["CloudWatchMetrics"]:
                for names in directive["Dimensions"]:
                    where = ",".join(f"{name}={document[name]}" for name in sorted(names))
                    found |= {f"{metric['Name']}{{{where}}}" for metric in directive["Metrics"]}
    return sorted(found)


def handler(event: Any, context: Any) -> dict[str, Any]:  # noqa: ANN401  # as the function's own
    """Run the function's own handler; return its result and its usage."""
    with _guard:
        _calls.clear()
        _bytes.clear()
        _sent.clear()
    log, kept = io.StringIO(), sys.stdout
    sys.stdout = log
    began, spent = time.perf_counter(), time.process_time()
    try:
        result = _handler(event, context)
    finally:
        seconds, cpu = time.perf_counter() - began, time.process_time() - spent
        sys.stdout = kept
    lines = log.getvalue().splitlines()
    sys.stdout.write(log.getvalue())
    with _guard:
        used: dict[str, Any] = {
            "seconds": seconds,
            "cpu_seconds": cpu,
            "calls": dict(_calls),
            "bytes": dict(_bytes),
            "sent": list(_sent),
            "log_bytes": sum(len(line.encode()) for line in lines),
            "log_lines": len(lines),
            "series": _series(lines),
            "peak_kib": _peak_kib(),
        }
    return {"result": result, "used": used}
