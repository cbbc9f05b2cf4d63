"""The upload of a file to the address that the API returned, and a key derived from its content."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cli.failures import Failure

_PIECE: Final = 256 * 1024
_TRIES: Final = 5
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def content_key(path: Path, order: Mapping[str, Any]) -> str:
    """Return a key derived from the request and the file's content."""
    # scrypt: the content holds credentials, which could be guessed from a fast digest.
    digest = hashlib.sha256(json.dumps(dict(order), sort_keys=True).encode())
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return (
        "cli-file-"
        + hashlib.scrypt(
            digest.digest(), salt=b"flamebot import", n=2**14, r=8, p=1, dklen=24
        ).hex()
    )


def upload(path: Path, target: Mapping[str, Any], progress: Callable[[int], None]) -> None:
    """Send the file, again while its address is unreachable. Raises `Failure`.

    Args:
        path: the file.
        target: the `upload` of the created import: url, method and headers. The url is signed,
            so the API's token is not sent.
        progress: called with the number of bytes sent so far.
    """
    import httpx

    address = urlsplit(str(target["url"]))
    if address.scheme != "https" and address.hostname not in _LOOPBACK:
        raise Failure(
            "The file was not sent",
            "The API returned an upload address without TLS.",
            "Report it to the operator of the API.",
        )
    status: int | None = None
    size = int(target["headers"]["Content-Length"])
    with httpx.Client(
        timeout=httpx.Timeout(60, connect=10), trust_env=address.hostname not in _LOOPBACK
    ) as http:
        for tries_left in reversed(range(_TRIES)):
            try:
                status = http.request(
                    target["method"],
                    str(target["url"]),
                    content=_pieces(path, size, progress),
                    headers=dict(target["headers"]),
                ).status_code
            except httpx.HTTPError:
                status = None
            # 412: the file is there already. An earlier try, or an earlier run, was received
            # although its response was lost; `If-None-Match: *` keeps it from being replaced.
            if status in (200, 412):
                return
            if tries_left and (status is None or status >= 500):
                time.sleep(min(2.0 ** (_TRIES - tries_left - 1), 30.0))
                continue
            break
    why = (
        "The upload address is unreachable."
        if status is None
        else f"The upload address responded {status}."
    )
    raise Failure(
        "The file was not sent",
        why,
        "Run the same command again: it resumes. The address is valid for an hour.",
    )


def _pieces(path: Path, size: int, progress: Callable[[int], None]) -> Iterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            sent += len(piece)
            if sent > size:
                break
            yield piece
            progress(sent)
    if sent != size:
        raise Failure(
            "The file was not sent",
            "The file changed while it was sent.",
            "Run the same command again when nothing writes to the file.",
        )
