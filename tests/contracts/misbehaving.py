"""An HTTP server on loopback whose responses are scripted, byte by byte if needed."""

from __future__ import annotations

import json
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Script = Callable[[socket.socket], None]


@dataclass
class Request:
    """A request as it was received."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Misbehaving:
    """A server whose scripts respond in turn; the last one responds to all that follow."""

    url: str = ""
    scripts: list[Script] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def next_script(self) -> Script:
        """Return the script for the next request."""
        return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]


def raw(data: bytes) -> Script:
    """Return a script that sends bytes and closes the connection."""
    return lambda connection: connection.sendall(data)


def answer(status: int, body: Any = None, **headers: str) -> Script:
    """Return a script of a valid response; header names have underscores for hyphens."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join([*lines, "", ""]).encode() + content)


def endless(pieces: Iterator[bytes], pause: float) -> Script:
    """Return a script that sends chunks with pauses until the client disconnects."""

    def run(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)

    return run


def reset(connection: socket.socket) -> None:
    """Reset the connection without a response."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(connection: socket.socket) -> None:
    """Send nothing until the client disconnects."""
    connection.settimeout(10)
    connection.recv(1)


def _read(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    method, target, _ = first.split(" ", 2)
    return Request(method, target, headers, body)


@contextmanager
def misbehaving(*scripts: Script) -> Iterator[Misbehaving]:
    """Run a server until the end of the block."""
    behaviour = Misbehaving(scripts=list(scripts))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                request = _read(self.request)
                if request is not None:
                    behaviour.requests.append(request)
                    behaviour.next_script()(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 32

        def shutdown_request(self, request: Any) -> None:
            self.close_request(request)  # no orderly farewell: a reset must stay one

    with Server(("127.0.0.1", 0), Handler) as server:
        behaviour.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        try:
            yield behaviour
        finally:
            server.shutdown()
            thread.join(5)
