"""A file on its way to where it is imported from: sent once, with a key made of its content."""

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
    """A key made of the request and the file's content, slowly: the content holds credentials, and a fast digest could be guessed from."""
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


def upload(path: Path, target: Mapping[str, Any], told: Callable[[int], None]) -> None:
    """Send the file to the address that the API gave, again while it is out of reach. Raises `Failure`.

    The address carries its own right: the API's token does not go there. 412 says that the file is there already.
    """
    import httpx

    where = urlsplit(str(target["url"]))
    if where.scheme != "https" and where.hostname not in _LOOPBACK:
        raise Failure(
            "The file was not sent",
            "The API names an address without TLS.",
            "Report it to whoever runs the API.",
        )
    status: int | None = None
    size = int(target["headers"]["Content-Length"])
    with httpx.Client(
        timeout=httpx.Timeout(60, connect=10), trust_env=where.hostname not in _LOOPBACK
    ) as http:
        for tries_left in reversed(range(_TRIES)):
            try:
                status = http.request(
                    target["method"],
                    str(target["url"]),
                    content=_pieces(path, size, told),
                    headers=dict(target["headers"]),
                ).status_code
            except httpx.HTTPError:
                status = None
            if status in (200, 412):
                return
            if tries_left and (status is None or status >= 500):
                time.sleep(min(2.0 ** (_TRIES - tries_left - 1), 30.0))
                continue
            break
    why = "Its place cannot be reached." if status is None else f"Its place answered {status}."
    raise Failure(
        "The file was not sent",
        why,
        "Run the same command again: it resumes. The address is valid for an hour.",
    )


def _pieces(path: Path, size: int, told: Callable[[int], None]) -> Iterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            sent += len(piece)
            if sent > size:
                break
            yield piece
            told(sent)
    if sent != size:
        raise Failure(
            "The file was not sent",
            "It changed while it was sent.",
            "Run the same command again, once nobody writes to it.",
        )
