"""An HTTP client that takes no more from the AI service than a text can need, and goes nowhere else on its word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import httpx

_LONGEST_ANSWER: Final = 1 << 20


class _Bounded(httpx.SyncByteStream):
    """A body that ends with an error where it grows too long."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > _LONGEST_ANSWER:
                raise httpx.ReadError("longer than 1 MiB")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def bounded_client(timeout: float) -> httpx.Client:
    """A client that follows no redirect and reads no more than 1 MiB of an answer. A packed one is refused: 1 MiB may hold a gigabyte."""
    return httpx.Client(
        timeout=timeout,
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_bound]},
    )


def _bound(response: httpx.Response) -> None:
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise httpx.DecodingError("an answer that is packed, though none was asked for")
    assert isinstance(response.stream, httpx.SyncByteStream), (
        "a client that is not async answers with a stream that is not"
    )
    response.stream = _Bounded(response.stream)
