"""Run many seeds: one process per core, each with its own database on one server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from devstack.postgres import Server, embedded_postgres
from tests.support.databases import drop
from verification.simulation.database import SimDatabase
from verification.simulation.report import Report
from verification.simulation.virtual_clock import make_database
from verification.simulation.world import SeedResult, run_seed

ROOT = Path(__file__).absolute().parents[2]
SQL = ROOT / "sql"
MEMORY = Path("/dev/shm")  # a file system in memory, on Linux


@contextmanager
def simulated_database(server: Server | None = None, sql_dir: Path = SQL) -> Iterator[SimDatabase]:
    """Provide a database for seeds, on a server of its own unless one is given."""
    with ExitStack() as stack:
        running = server or stack.enter_context(a_server())
        name = make_database(running, sql_dir)
        database = SimDatabase(running.url(name))
        try:
            yield database
        finally:
            database.close()
            drop(running, name)


@contextmanager
def a_server() -> Iterator[Server]:
    """Start a Postgres without durability, in memory where possible: each seed empties it."""
    options = {"max_connections": "100", "shared_buffers": "64MB", "autovacuum": "off"}
    in_memory = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(
        prefix="flamebot-simulation-", dir=in_memory, ignore_cleanup_errors=True
    ) as directory:
        Path(directory).chmod(0o711)  # the server may have to run as another user
        with embedded_postgres(
            Path(directory) / "postgres", durable=False, options=options
        ) as server:
            yield server


def replay(seed: int, *, keep_trace: bool = True) -> SeedResult:
    """Run one seed with its whole trace."""
    with simulated_database() as database:
        return run_seed(seed, database, keep_trace=keep_trace)


def run_seeds(
    first: int,
    count: int,
    sql_dir: Path | None = None,
    *,
    processes: int | None = None,
    stop_at_failure: bool = True,
    progress: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Run seeds and sum up. `sql_dir` replaces `sql/`, for tests that delete a guard."""
    workers = min(processes or os.cpu_count() or 1, count)
    report, began = Report(), time.monotonic()
    with a_server() as server:
        name = make_database(server, sql_dir or SQL)
        running = [
            _worker(
                server, name, first + place, count // workers + (place < count % workers), workers
            )
            for place in range(workers)
        ]
        try:
            for result in _results(running):
                report.add(result)
                report.seconds = time.monotonic() - began
                progress(report)
                if report.failures and stop_at_failure:
                    break
        finally:
            for process in running:
                process.kill()
                process.communicate()
    report.seconds = time.monotonic() - began
    return report


def _worker(
    server: Server, template: str, first: int, count: int, stride: int
) -> subprocess.Popen[str]:
    order = json.dumps(
        {
            "server": asdict(server),
            "template": template,
            "first": first,
            "count": count,
            "stride": stride,
        }
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONHASHSEED": "0",
    }
    command = [sys.executable, "-m", "verification.simulation.worker", order]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)


def _results(running: list[subprocess.Popen[str]]) -> Iterator[dict[str, Any]]:
    """Yield result lines as they arrive. A worker that ends with an error ends the run."""
    import selectors

    with selectors.DefaultSelector() as selector:
        for process in running:
            assert process.stdout is not None
            selector.register(process.stdout, selectors.EVENT_READ, process)
        while selector.get_map():
            for key, _ in selector.select():
                line = key.fileobj.readline()  # type: ignore[union-attr]  # a text stream
                if line:
                    yield json.loads(line)
                    continue
                selector.unregister(key.fileobj)
                if key.data.wait() != 0:
                    raise RuntimeError("a worker of the simulation broke; its error stands above")
