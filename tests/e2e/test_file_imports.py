"""A large file is imported in chunks by the command line, through kills and cancels.

Each row is stored once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.local_stack import ROOT, LocalStack, wait_until
from tests.e2e.proof import aws

ROWS = 20_000
BIG = 100_000
MEMORY_MB = 256
SECRET = "planted-big-file-credential"


@pytest.fixture(scope="module")
def big_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Start a stack in wall time with maintenance every minute: only imported work falls due."""
    running = LocalStack(
        tmp_path_factory.mktemp("files"), "--ephemeral", env={"HEALTH_CHECK_MINUTES": "1"}
    )
    yield running
    running.end()


def write(path: Path, rows: int, prefix: str, *more: str) -> Path:
    """Write a file of good rows, followed by some others."""
    with path.open("w", encoding="utf-8") as file:
        file.write("accountId,modelId,channelId,credentials.token,config.city\n")
        file.writelines(
            f"{prefix}-{n:07},model-{n},channel-{n},{SECRET}-{n},Zürich\n" for n in range(rows)
        )
        file.writelines(more)
    return path


def command(stack: LocalStack, *arguments: str) -> subprocess.Popen[str]:
    """Run `flamebot` against this stack."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "engine" / "src")])
    env = {
        **os.environ,
        "PYTHONPATH": paths,
        "FLAMEBOT_API_URL": stack.facts["apiUrl"],
        "FLAMEBOT_TOKEN": stack.facts["token"],
    }
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        cwd=stack.data_dir,
    )


def workers(stack: LocalStack) -> list[int]:
    """Return the processes of the function that imports files."""
    found = []
    for pid in stack.processes():
        with suppress(OSError):
            if "functions/import_file" in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(pid)
    return found


def peak_mb(pid: int) -> float:
    """Return the peak memory of a process."""
    (line,) = (
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024


def newest(stack: LocalStack) -> Any:
    """Return the import that was created last."""
    items = stack.api.get("/v1/imports?limit=1").raise_for_status().json()["items"]
    return items[0] if items else None


def assert_stored_once(stack: LocalStack, prefix: str, rows: int) -> None:
    """Assert one live workflow and one task per account, an empty staging table and no file."""
    (counts,) = stack.rows(
        "select (select count(*) from accounts where flamebot_id like %(p)s) as accounts,"
        " (select count(*) from workflow_instances where account_id like %(p)s) as workflows,"
        " (select count(*) from scheduled_tasks where account_id like %(p)s) as tasks,"
        " (select count(*) from import_staging) as staged".replace("%(p)s", f"'{prefix}-%%'")
    )
    assert dict(counts) == {"accounts": rows, "workflows": rows, "tasks": rows, "staged": 0}
    wait_until(
        lambda: aws(stack, "s3").list_objects_v2(Bucket="flamebot-local-imports")["KeyCount"] == 0,
        20,
        "the file's end",
    )


def test_a_worker_killed_in_the_middle_costs_no_row(big_stack: LocalStack, tmp_path: Path) -> None:
    """After SIGKILL during a chunk, the next worker resumes at the checkpoint."""
    path = write(tmp_path / "killed.csv", ROWS, "killed", "not good,,,,\n")
    ran = command(
        big_stack, "import", str(path), "--type", "aggressive", "--spread", "6h", "--json"
    )

    def at_work() -> Any:
        shown = newest(big_stack)
        return shown if shown and 0 < shown["rowsRead"] < ROWS else None

    shown = wait_until(at_work, 60, "the first chunk")
    for pid in workers(big_stack):
        os.kill(pid, signal.SIGKILL)
    # A worker's lease lasts 90 s: let it expire.
    wait_until(
        lambda: not workers(big_stack) or newest(big_stack)["rowsRead"] > shown["rowsRead"],
        30,
        "the end of the worker",
    )
    big_stack.rows(
        "update imports set lease_expires_at = clock_timestamp()"
        " where status = 'running' returning 1"
    )
    out, err = ran.communicate(timeout=240)
    result = json.loads(out)
    assert ran.returncode == 6, err
    assert (result["rows"], result["imported"], result["started"], result["rejected"]) == (
        ROWS + 1,
        ROWS,
        ROWS,
        1,
    )
    assert [(reject["row"], reject["accountId"]) for reject in result["rejects"]] == [
        (f"line {ROWS + 2}", None)
    ]
    assert_stored_once(big_stack, "killed", ROWS)
    again = command(
        big_stack, "import", str(path), "--type", "aggressive", "--spread", "6h", "--json"
    )
    assert json.loads(again.communicate(timeout=60)[0])["replayed"] == ROWS + 1


def test_a_cancelled_file_stops_where_it_is(big_stack: LocalStack, tmp_path: Path) -> None:
    """A cancelled import keeps exactly the rows that were stored when the cancel returned."""
    path = write(tmp_path / "cancelled.csv", ROWS, "cancelled")
    ran = command(big_stack, "import", str(path), "--no-start")

    def at_work() -> Any:
        shown = newest(big_stack)
        return shown if shown["fileName"] == "cancelled.csv" and shown["rowsRead"] else None

    import_id = wait_until(at_work, 60, "the first chunk")["importId"]
    done = command(big_stack, "imports", "cancel", import_id, "--json")
    result = json.loads(done.communicate(timeout=60)[0])
    _, err = ran.communicate(timeout=60)
    assert result["status"] == "cancelled"
    assert (ran.returncode, "was cancelled after" in err) == (1, True)
    (stored,) = big_stack.rows(
        "select count(*) as n from accounts where flamebot_id like 'cancelled-%%'"
    )
    assert stored["n"] == result["imported"]


@pytest.mark.slow
def test_a_hundred_thousand_rows_take_no_more_memory_than_they_should(
    big_stack: LocalStack, tmp_path: Path
) -> None:
    """The worker's peak memory stays under 256 MB and does not grow with the file."""
    for pid in workers(big_stack):
        os.kill(pid, signal.SIGKILL)
    peaks = []
    for rows in (ROWS, BIG):
        path = write(tmp_path / f"{rows}.csv", rows, f"mem{rows}")
        ran = command(big_stack, "import", str(path), "--no-start", "--json")
        result = json.loads(ran.communicate(timeout=400)[0])
        assert result["imported"] == rows
        peaks.append(max(peak_mb(pid) for pid in workers(big_stack)))
    assert peaks[1] < MEMORY_MB
    assert peaks[1] < peaks[0] + 40, "megabytes of the larger file would show"


def test_no_place_holds_a_credential_in_clear(big_stack: LocalStack) -> None:
    """I10: no table, message or log line holds a credential, and the bucket is empty."""
    tables = big_stack.rows("select tablename from pg_tables where schemaname = 'public'")
    for table in tables:
        found = big_stack.rows(
            f"select count(*) as n from {table['tablename']} t where t::text like '%%{SECRET}%%'"
        )
        assert found[0]["n"] == 0, table
    logs = {path.name: path.read_bytes() for path in (big_stack.data_dir / "logs").iterdir()}
    assert "import_file.log" in logs
    assert [
        name
        for name, content in logs.items()
        if SECRET.encode() in content or b"X-Amz-Signature" in content
    ] == []
