"""A proxy in front of Postgres that loses statements and results, as a network does.

It reads just enough of the protocol to recognise a call of an SQL function. A call is lost in one
of two ways: the statement never arrives, or it is executed and committed and its result never
arrives. In both cases the client finds a closed connection.
"""

from __future__ import annotations

import random
import re
import select
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Literal

Way = Literal["statement", "answer"]  # what is lost

_FUNCTIONS = (
    b"begin_tasks",
    b"commit_tasks",
    b"claim_due_tasks",
    b"resend_expired",
    b"reclaim_expired",
    b"import_accounts",
    b"pause_workflow",
    b"resume_workflow",
    b"stop_workflow",
)
# Matches at the start of a statement, so that a migration's CREATE FUNCTION does not count.
_CALL = re.compile(rb"Q....select (?:\* from )?(" + b"|".join(_FUNCTIONS) + rb")\(", re.DOTALL)
_UNTYPED_REQUESTS = {
    80877103,
    80877104,
}  # SSLRequest, GSSENCRequest: sent before the startup message, answered by one byte
_ANSWER_SECONDS = 30.0
_CHUNK = 1 << 16


class DatabaseProxy:
    """Listens on its own port. It forwards everything until it is given a probability of loss."""

    def __init__(self, target: int, seed: object) -> None:
        """Bind the listening socket. `target` is the server's port on this machine."""
        self._target = target
        self._draws = random.Random(f"{seed}/proxy")
        self._guard = threading.Lock()
        self._lost: Counter[tuple[str, Way]] = Counter()
        self.chance = 0.0  # of each way, for each call of an SQL function
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, name="database-proxy", daemon=True)

    def start(self) -> None:
        """Start to accept connections."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting. Open connections end with the server or their client."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def lost(self) -> Counter[tuple[str, Way]]:
        """Return the losses so far by function and way.

        A result counts only if the statement was done.
        """
        with self._guard:
            return Counter(self._lost)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(
                target=self._serve, args=(client,), name="database-connection", daemon=True
            ).start()

    def _serve(self, client: socket.socket) -> None:
        with (
            client,
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self._target), timeout=5) as server,
        ):
            server.settimeout(_ANSWER_SECONDS)
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            requests = _Messages()
            while True:
                readable, _, _ = select.select([client, server], [], [])
                if server in readable:
                    answer = server.recv(_CHUNK)
                    if not answer:
                        return
                    client.sendall(answer)
                if client in readable:
                    chunk = client.recv(_CHUNK)
                    if not chunk:
                        return
                    for message in requests.add(chunk):
                        if not self._forward(message, server):
                            return

    def _forward(self, message: bytes, server: socket.socket) -> bool:
        """Forward a message; return whether the connection stays open."""
        call = _CALL.match(message)
        way = self._drawn() if call is not None else None
        if way == "statement":
            self._count(call, way)
            return False
        server.sendall(message)
        if way == "answer":
            if b"C" in _answer_types(server):
                self._count(call, way)
            return False
        return True

    def _drawn(self) -> Way | None:
        with self._guard:
            draw = self._draws.uniform(0, 1)
        return "statement" if draw < self.chance else "answer" if draw < 2 * self.chance else None

    def _count(self, call: re.Match[bytes] | None, way: Way) -> None:
        assert call is not None
        with self._guard:
            self._lost[call[1].decode(), way] += 1


class _Messages:
    """Splits a client's bytes into messages. Messages before the startup message have no type."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._typed = False

    def add(self, chunk: bytes) -> Iterator[bytes]:
        """Add bytes; return the messages that are complete."""
        self._buffer += chunk
        while True:
            start = 1 if self._typed else 0
            if len(self._buffer) < start + 4:
                return
            end = start + struct.unpack_from("!I", self._buffer, start)[0]
            if len(self._buffer) < end:
                return
            message = bytes(self._buffer[:end])
            del self._buffer[:end]
            if not self._typed and struct.unpack_from("!I", message, 4)[0] not in _UNTYPED_REQUESTS:
                self._typed = True
            yield message


def _answer_types(server: socket.socket) -> set[bytes]:
    """Read a result up to ReadyForQuery; return its message types, also of one that was cut off."""
    seen: set[bytes] = set()
    buffer = bytearray()
    while b"Z" not in seen:
        chunk = server.recv(_CHUNK)
        if not chunk:
            break
        buffer += chunk
        while len(buffer) >= 5 and len(buffer) >= (
            end := 1 + struct.unpack_from("!I", buffer, 1)[0]
        ):
            seen.add(bytes(buffer[:1]))
            del buffer[:end]
    return seen
