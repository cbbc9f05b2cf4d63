"""A threaded HTTP server on 127.0.0.1, used by the gateway and the simulated actions service."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
# A body that is too large is read and discarded up to this size, so that the client gets its
# response: closing the connection at once would reset it.
_DRAIN_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as received: `path` and `query` percent-encoded, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def query_items(self) -> list[tuple[str, str]]:
        """Return the decoded query parameters in order."""
        return parse_qsl(self.query, keep_blank_values=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response: status, body, headers and cookies."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dropped:
    """Instead of a response the connection is reset."""


Handle = Callable[[Request], Answer | Dropped]


def json_answer(
    status: int, document: object, *, content_type: str = "application/json", **headers: str
) -> Answer:
    """Return a response with a JSON body."""
    return Answer(
        status=status,
        body=json.dumps(document).encode(),
        headers={"content-type": content_type, **headers},
    )


class LoopbackServer:
    """Serves on 127.0.0.1, one thread per connection.

    A request whose Host header does not name this machine is refused. This stops DNS rebinding: a
    page from elsewhere whose host name resolves to 127.0.0.1.
    """

    def __init__(self, handle: Handle, *, port: int = 0, max_body: int, oversize: Answer) -> None:
        """Bind the port; 0 is any free one. `oversize` answers bodies above `max_body` bytes."""
        server = self

        class Handler(_Handler):
            limit = max_body
            too_large = oversize

            def answer(self, request: Request) -> Answer | Dropped:
                return server.handle(request)

        self.handle = handle
        self._http = _Server(("127.0.0.1", port), Handler)
        self._thread: threading.Thread | None = None
        self.port = int(self._http.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start serving in a thread."""
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.05,), name=f"http-{self.port}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Accept no new connection; open ones end with the process."""
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._thread = None
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  # the base class's signature
        """Log a traceback, except for a client that closed its connection."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    limit: int
    too_large: Answer

    def answer(self, request: Request) -> Answer | Dropped:
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Log no request, because paths may hold account ids."""

    def _serve(self) -> None:
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            headers[key] = f"{headers[key]},{value}" if key in headers else value
        if (
            headers.get("host", "").rpartition(":")[0] not in LOOPBACK_NAMES
            and headers.get("host") not in LOOPBACK_NAMES
        ):
            self.close_connection = True
            self._write(json_answer(403, {"message": "Forbidden"}))
            return
        body = self._read_body(headers)
        if body is None:
            self.close_connection = True
            self._write(self.too_large)
            return
        path, _, query = self.path.partition("?")
        answer = self.answer(
            Request(method=self.command, path=path, query=query, headers=headers, body=body)
        )
        if isinstance(answer, Dropped):
            # Lingering for 0 seconds makes close() send a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self._write(answer)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Pass every HTTP method to the handler; the base class answers 501 without a `do_`."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _read_body(self, headers: Mapping[str, str]) -> bytes | None:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._read_chunks()
        length = headers.get("content-length", "0")
        size = int(length) if length.isdecimal() else 0
        if size > self.limit:
            self._discard(min(size, _DRAIN_LIMIT))
            return None
        return self.rfile.read(size)

    def _read_chunks(self) -> bytes | None:
        body = bytearray()
        total = 0
        while size := int(self.rfile.readline(64).partition(b";")[0].strip() or b"0", 16):
            total += size
            if total <= self.limit:
                body += self.rfile.read(size)
            elif total > _DRAIN_LIMIT:
                return None
            else:
                self._discard(size)
            self.rfile.readline(8)
        while self.rfile.readline(65536).strip():
            pass
        return bytes(body) if total <= self.limit else None

    def _discard(self, size: int) -> None:
        while size > 0 and (got := len(self.rfile.read(min(size, 65536)))):
            size -= got

    def _write(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                self.send_header(name, value)
        for cookie in answer.cookies:
            self.send_header("set-cookie", cookie)
        self.send_header("date", self.date_time_string())
        self.send_header("content-length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
