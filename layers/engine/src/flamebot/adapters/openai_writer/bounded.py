"""An HTTP client that limits the size of responses and follows no redirect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import httpx

_LONGEST_RESPONSE: Final = 1 << 20


class _Bounded(httpx.SyncByteStream):
    """A body that raises an error once it is longer than 1 MiB."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > _LONGEST_RESPONSE:
                raise httpx.ReadError("longer than 1 MiB")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def bounded_client(timeout: float) -> httpx.Client:
    """Return a client that follows no redirect and reads at most 1 MiB of a response.

    Compressed responses are refused: 1 MiB may decompress to a gigabyte.
    """
    return httpx.Client(
        timeout=timeout,
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_bound]},
    )


def _bound(response: httpx.Response) -> None:
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise httpx.DecodingError("a compressed response, which was not requested")
    assert isinstance(response.stream, httpx.SyncByteStream), (
        "a synchronous client has synchronous streams"
    )
    response.stream = _Bounded(response.stream)
