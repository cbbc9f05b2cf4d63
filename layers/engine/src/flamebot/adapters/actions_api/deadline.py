"""A transport for httpx that keeps one deadline per call.

httpx's own timeouts start anew with every read, so a peer that sends a byte now and then holds a call for ever.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import httpcore
import httpx


class Deadline(threading.local):
    """The deadline of the call that this thread makes now; a connection is only ever used by the thread that calls."""

    at: float = 0.0  # monotonic

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Bound everything that this thread reads and writes inside."""
        self.at = time.monotonic() + seconds
        yield

    def left(self) -> float:
        """Seconds left. Raises `httpcore.ReadTimeout` when there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return left


class DeadlineStream(httpcore.NetworkStream):
    """A stream whose every operation gets what is left of the call's time."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        """Wrap a connected stream."""
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  # the deadline is the timeout
        """Read what is there."""
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Write, in pieces that each fit into the time left: a peer that reads slowly is no way around the deadline."""
        for start in range(0, len(buffer), 16_384):
            self._stream.write(buffer[start : start + 16_384], self._deadline.left())

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Shake hands; what comes of it keeps the deadline too."""
        return DeadlineStream(
            self._stream.start_tls(ssl_context, server_hostname, self._deadline.left()),
            self._deadline,
        )

    def get_extra_info(self, info: str) -> object:
        """What the pool asks before it uses a connection again."""
        return self._stream.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """Connects within the time left. Looking a name up is the resolver's affair and has its own limits."""

    def __init__(self, deadline: Deadline) -> None:
        """Take the deadline that the caller sets."""
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        stream = self._sockets.connect_tcp(
            host, port, self._deadline.left(), local_address, socket_options
        )
        return DeadlineStream(stream, self._deadline)


class DeadlineTransport(httpx.BaseTransport):
    """What httpx sends through: its own connection pool, on sockets that keep the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        """Take the deadline that the caller sets."""
        # Kept for a few seconds only: a frozen Lambda environment wakes up with connections that died long ago.
        self._pool = httpcore.ConnectionPool(
            max_connections=100, keepalive_expiry=5, network_backend=DeadlineBackend(deadline)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises `httpx.TransportError`."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with _in_httpx_words():
            response = self._pool.handle_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        assert isinstance(response.stream, Iterable), (
            "a pool that is not async answers with a stream that is not"
        )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response.stream),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _in_httpx_words():
            yield from self._stream

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


@contextmanager
def _in_httpx_words() -> Iterator[None]:
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
        OSError,
    ) as error:
        raise httpx.TransportError(type(error).__name__) from None
