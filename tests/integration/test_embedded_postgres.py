"""The embedded Postgres runs for every user, keeps or drops its data, and ends with its owner."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from conftest import ROOT
from devstack import postgres as module
from devstack.cluster import PostgresUnavailable, privilege, wrapper
from devstack.postgres import EmbeddedPostgres, database_url, embedded_postgres
from tests.support.databases import Session

PARENT = """
import sys, time
from pathlib import Path
from devstack.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False).start()
print(server.port, flush=True)
time.sleep(60)
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """Return a directory that every user can enter; pytest's own is private."""
    with tempfile.TemporaryDirectory(prefix="embedded-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def postmaster(directory: Path) -> int:
    """Return the process id of a directory's server."""
    return int((directory / "cluster" / "postmaster.pid").read_text().split()[0])


def gone(port: int, within: float = 10) -> bool:
    """Return whether no process listens there."""
    give_up = time.monotonic() + within
    while time.monotonic() < give_up:
        try:
            psycopg2.connect(
                host="127.0.0.1", port=port, user="x", dbname="x", password="x", connect_timeout=2
            ).close()
        except psycopg2.OperationalError as error:
            if "refused" in str(error):
                return True
        time.sleep(0.05)
    return False


def test_temporary_server_leaves_nothing() -> None:
    """A temporary server ends with its block, and its data is deleted."""
    with embedded_postgres() as server:
        session = Session(server.url())
        data = Path(session.value("show data_directory"))
        assert session.value("select current_setting('server_version_num')::int") >= 160_000
        session.close()
        assert data.exists()
    assert not data.exists()
    assert gone(server.port)


def test_data_is_kept_between_runs(directory: Path) -> None:
    """A directory's rows and password survive; only the owner can read the password."""
    with embedded_postgres(directory / "kept") as server:
        session = Session(server.url())
        session.rows("create table kept as select 42 as answer")
        session.close()
    assert stat.S_IMODE((directory / "kept" / "password").stat().st_mode) == 0o600
    with embedded_postgres(directory / "kept") as again:
        session = Session(again.url())
        assert session.value("select answer from kept") == 42
        session.close()
    assert again.password == server.password


def test_no_login_without_the_password() -> None:
    """Other users of the machine can reach the port but cannot log in."""
    with embedded_postgres() as server, pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(server.url(user="postgres", password="guess"))


def test_server_that_was_killed_starts_again_with_its_rows(directory: Path) -> None:
    """A killed server starts again with its rows, even while its backends still run."""
    first = EmbeddedPostgres(directory / "killed")
    session = Session(first.start().url())
    session.rows("create table kept as select 42 as answer")
    os.kill(postmaster(directory / "killed"), signal.SIGKILL)
    second = EmbeddedPostgres(directory / "killed")
    try:
        again = Session(second.start().url())
        assert again.value("select answer from kept") == 42
        again.close()
    finally:
        second.stop()
        first.stop()
        session.connection.close()


@pytest.mark.parametrize(
    "blow", [signal.SIGQUIT, signal.SIGKILL], ids=["immediate shutdown", "SIGKILL"]
)
def test_supervised_server_that_dies_alone_is_started_again(
    directory: Path, blow: signal.Signals
) -> None:
    """A server that dies restarts at its address with its rows, so a running stack continues."""
    with embedded_postgres(directory / "supervised", supervised=True) as server:
        session = Session(server.url())
        session.rows("create table kept as select 42 as answer")
        for _ in range(2):
            dead = postmaster(directory / "supervised")
            os.kill(dead, blow)
            assert reply_of(server.url(), "select answer from kept", within=20) == 42
            assert postmaster(directory / "supervised") != dead
        session.connection.close()
    assert gone(server.port)


def reply_of(url: str, query: str, within: float) -> object:
    """Return a server's first response once it responds at all."""
    give_up = time.monotonic() + within
    while True:
        try:
            session = Session(url)
            answer = session.value(query)
        except psycopg2.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)
        else:
            session.close()
            return answer


def test_server_dies_with_a_parent_that_is_killed(directory: Path) -> None:
    """After SIGKILL the guard cleans up, and nothing keeps running."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(directory / "orphan")],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert parent.stdout is not None
    port = int(parent.stdout.readline())
    assert not gone(port, within=0.2)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(port)


def test_server_dies_with_a_guard_that_is_killed(directory: Path) -> None:
    """On Linux the server also ends if its guard is killed."""
    postgres = EmbeddedPostgres(directory / "guarded", durable=False)
    server = postgres.start()
    process = postgres._process
    assert process is not None
    process.kill()
    assert gone(server.port) == sys.platform.startswith("linux")
    postgres.stop()


def test_ordinary_user_can_run_it(directory: Path) -> None:
    """An ordinary user can run the server, also after root has run one."""
    # Root becomes nobody in a namespace of its own: the interpreter may lie where no other user
    # can read.
    script = PARENT.replace("time.sleep(60)", "import os; print(os.geteuid())")
    command = [*wrapper(privilege()), sys.executable, "-c", script, str(directory / "ordinary")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        command, capture_output=True, env=environment, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    port, user = ran.stdout.split()
    assert user != "0" or privilege() == "nobody"
    assert gone(int(port))


def test_root_without_user_namespaces_runs_it_as_another_user(directory: Path) -> None:
    """Where a container refuses namespaces, the server runs as the user nobody."""
    postgres = EmbeddedPostgres(
        directory / "dropped", durable=False, as_whom="nobody" if os.geteuid() == 0 else "user"
    )
    session = Session(postgres.start().url())
    assert session.value("select 1") == 1
    session.close()
    postgres.stop()
    assert stat.S_IMODE((directory / "dropped" / "password").stat().st_mode) == 0o600
    assert privilege() in ("user", "namespace", "nobody")


def test_server_that_cannot_start_says_why(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of a server that cannot start contains the end of its log."""
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.1)
    with (
        pytest.raises(PostgresUnavailable, match="no_such_setting"),
        embedded_postgres(directory / "odd", options={"no_such_setting": "1"}),
    ):
        pass


def test_given_database_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """FLAMEBOT_DEV_DATABASE_URL is used.

    DATABASE_URL is ignored: it may belong to another program.
    """
    monkeypatch.setenv("DATABASE_URL", "postgresql://another.host/prod")
    monkeypatch.setenv("FLAMEBOT_DEV_DATABASE_URL", "postgresql://mine/dev")
    with database_url() as url:
        assert url == "postgresql://mine/dev"
    monkeypatch.delenv("FLAMEBOT_DEV_DATABASE_URL")
    with database_url() as url:
        assert "another.host" not in url
        session = Session(url)
        assert session.value("select current_database()") == "flamebot"
        session.close()
