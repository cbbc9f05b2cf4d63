"""An embedded Postgres server: a child process that ends with its parent."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2

from devstack.cluster import (
    NOBODY,
    URL_VARIABLE,
    PostgresUnavailable,
    Privilege,
    binaries,
    create_cluster,
    privilege,
    wrapper,
)
from devstack.process_guard import start_guarded, stop_guarded

_START_SECONDS = 30.0
_RETRY_SECONDS = 6.0  # after a SIGKILL the old backends hold the shared memory for a moment
_WATCH_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running Postgres: its address and the superuser's password."""

    host: str
    port: int
    password: str
    user: str = "postgres"

    def url(
        self, database: str = "postgres", *, user: str | None = None, password: str | None = None
    ) -> str:
        """Return the URL of a database, for the superuser or another role."""
        name, secret = (user, password or "") if user is not None else (self.user, self.password)
        credentials = f"{quote(name, safe='')}:{quote(secret, safe='')}"
        return f"postgresql://{credentials}@{self.host}:{self.port}/{quote(database, safe='')}"


class EmbeddedPostgres:
    """A cluster in a directory and its server. One process may use the directory at a time."""

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool = True,
        as_whom: Privilege | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a server without starting it.

        Args:
            directory: Where the cluster, its password and its log are kept.
            durable: False turns off syncing to disk, which is faster and for tests only.
            as_whom: The privilege to run under; by default what `privilege` returns.
            options: Settings of the server that replace the defaults.
        """
        self._directory = directory.resolve()
        self._cluster = self._directory / "cluster"
        self._password_file = self._directory / "password"
        self._log = self._directory / "server.log"
        self._as_whom = as_whom or privilege()
        self._settings = {
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "200",
            "shared_buffers": "128MB",
        }
        if not durable:
            self._settings |= {
                "fsync": "off",
                "full_page_writes": "off",
                "synchronous_commit": "off",
            }
        self._settings |= options or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._server: Server | None = None
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> Server:
        """Create the cluster if there is none, and start the server; it accepts connections.

        Raises:
            PostgresUnavailable: Creation or start failed.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        if not self._cluster.exists():
            create_cluster(self._directory, self._password_file, self._as_whom)
        password = self._password_file.read_text()
        return self._start_with_retry(
            lambda: Server(host="127.0.0.1", port=_free_port(), password=password)
        )

    def restart(self) -> None:
        """Start the server again after it ended, in the same directory and on the same port.

        Everything that was committed is there.

        Raises:
            PostgresUnavailable: The start failed.
        """
        assert self._server is not None, "it was never started"
        if self._process is not None:
            stop_guarded(self._process)
        same = self._server
        self._start_with_retry(lambda: same)

    def supervise(self) -> None:
        """Restart the server whenever it ends, until `stop`."""

        def watch() -> None:
            while not self._stopping.wait(_WATCH_SECONDS):
                if not self.alive():
                    try:
                        self.restart()
                    except PostgresUnavailable as error:  # the next round tries again
                        print(f"Postgres could not be restarted yet: {error}", file=sys.stderr)

        self._watcher = threading.Thread(target=watch, name="watch-postgres", daemon=True)
        self._watcher.start()

    def alive(self) -> bool:
        """Return whether the server process that was started last is still running."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the server, from postmaster.pid; it changes with a restart."""
        return int((self._cluster / "postmaster.pid").read_text().split()[0])

    def stop(self) -> None:
        """Shut down fast: sessions end, and nothing committed is lost. May be repeated."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        if self._process is not None:
            stop_guarded(self._process)
            self._process = None

    def _start_with_retry(self, where: Callable[[], Server]) -> Server:
        give_up = time.monotonic() + _RETRY_SECONDS
        while True:
            server = where()
            process = self._launch(server.port)
            if self._accepts_connections(process, server):
                self._process, self._server = process, server
                return server
            stop_guarded(process)
            if time.monotonic() > give_up:
                raise PostgresUnavailable(
                    f"Postgres did not start. The end of {self._log}:\n{self._log_end()}"
                )
            time.sleep(0.2)

    def _launch(self, port: int) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": str(port),
            **self._settings,
        }
        command = [str(binaries() / "postgres"), "-D", str(self._cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("wb") as log:
            return start_guarded(
                command,
                log=log,
                stop_signal=signal.SIGINT,
                wrapper=wrapper(self._as_whom),
                user=NOBODY if self._as_whom == "nobody" else None,
            )

    @staticmethod
    def _accepts_connections(process: subprocess.Popen[bytes], server: Server) -> bool:
        give_up = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < give_up:
            with suppress(psycopg2.OperationalError):
                psycopg2.connect(server.url(), connect_timeout=5).close()
                return True
            time.sleep(0.03)
        return False

    def _log_end(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-8:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def embedded_postgres(
    directory: Path | None = None,
    *,
    durable: bool = True,
    supervised: bool = False,
    options: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a server for the length of a block; it also ends when this process is killed.

    Args:
        directory: Where the data is kept. By default it is temporary and not synced to disk.
        durable: Whether the data of a given directory is synced to disk.
        supervised: Whether the server is restarted when it ends by itself.
        options: Settings of the server that replace the defaults.

    Raises:
        PostgresUnavailable: The server cannot be started.
    """
    temporary = (
        None if directory is not None else Path(tempfile.mkdtemp(prefix="flamebot-postgres-"))
    )
    home = directory or temporary
    assert home is not None
    if temporary is not None and privilege() == "nobody":
        temporary.chmod(0o711)
    postgres = EmbeddedPostgres(home, durable=durable and directory is not None, options=options)
    try:
        server = postgres.start()
        if supervised:
            postgres.supervise()
        yield server
    finally:
        postgres.stop()
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def database_url(directory: Path | None = None) -> Iterator[str]:
    """Provide the URL of the local stack's database for the length of a block.

    It is FLAMEBOT_DEV_DATABASE_URL if set, else the database `flamebot` of an embedded server.
    """
    given = os.environ.get(URL_VARIABLE)
    if given:
        yield given
        return
    with embedded_postgres(directory, supervised=True) as server:
        ensure_database(server, "flamebot")
        yield server.url("flamebot")


def ensure_database(server: Server, name: str) -> None:
    """Create a database unless it exists."""
    connection = psycopg2.connect(server.url())
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", (name,))
            if cursor.fetchone() is None:
                quoted = name.replace('"', '""')
                cursor.execute(f'create database "{quoted}"')
    finally:
        connection.close()
