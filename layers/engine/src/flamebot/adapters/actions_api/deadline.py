"""A transport for httpx with one deadline per call.

httpx applies its timeouts to every read separately: a server that sends a byte now and then could
keep a call open for any time.
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
    """The deadline of this thread's call. A connection is used by the calling thread only."""

    at: float = 0.0  # monotonic

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Limit the time of everything that this thread reads and writes inside the block."""
        self.at = time.monotonic() + seconds
        yield

    def left(self) -> float:
        """Return the seconds left. Raises `httpcore.ReadTimeout` if the deadline has passed."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return left


class DeadlineStream(httpcore.NetworkStream):
    """A stream whose operations have the remaining time of the call as their timeout."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        """Wrap a stream that is connected."""
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  # the deadline counts
        """Read up to `max_bytes`, as soon as some have arrived."""
        # With a timeout per read, a server that sends a byte a second would hold the thread for
        # ever.
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Write in chunks, each with the remaining time: a server that reads slowly gains none."""
        for start in range(0, len(buffer), 16_384):
            self._stream.write(buffer[start : start + 16_384], self._deadline.left())

    def close(self) -> None:
        """Close the stream's socket."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Return a TLS stream on this one, with the same deadline."""
        return DeadlineStream(
            self._stream.start_tls(ssl_context, server_hostname, self._deadline.left()),
            self._deadline,
        )

    def get_extra_info(self, info: str) -> object:
        """Return what the pool needs to know before it uses a connection again."""
        return self._stream.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """Connects within the remaining time.

    The resolver has limits of its own: a look-up of a name is not interrupted.
    """

    def __init__(self, deadline: Deadline) -> None:
        """Use the deadline that callers set with `within`."""
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
        """Return a connected stream."""
        stream = self._sockets.connect_tcp(
            host, port, self._deadline.left(), local_address, socket_options
        )
        return DeadlineStream(stream, self._deadline)


class DeadlineTransport(httpx.BaseTransport):
    """A transport with a connection pool of its own, on sockets with the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        """Use the deadline that callers set with `within`."""
        # Idle connections are kept for 5 seconds: after a freeze of the Lambda environment the
        # server has closed its end, and the next request would fail.
        self._pool = httpcore.ConnectionPool(
            max_connections=100, keepalive_expiry=5, network_backend=DeadlineBackend(deadline)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises `httpx.TransportError` with the name of httpcore's error."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with _as_transport_error():
            response = self._pool.handle_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        assert isinstance(response.stream, Iterable), "a synchronous pool has synchronous streams"
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response.stream),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close all connections of the pool."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _as_transport_error():
            yield from self._stream

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


@contextmanager
def _as_transport_error() -> Iterator[None]:
    try:
        yield
    # httpx translates these errors in its own transport only. OSError covers the TLS layer.
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
        OSError,
    ) as error:
        raise httpx.TransportError(type(error).__name__) from None
