"""A CSV file of a million rows through the whole local stack.

    python -m bench.imports_by_file [--rows N] [--kill] [--no-start]
The command line uploads the file, the deployed functions import it into a durable Postgres, and
this program records time, processor time and peak memory. `--kill` kills the worker half-way. The
figures of a whole run go into bench/results.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench import report
from bench.figures import Figure, figure
from bench.machine import Others, processor_seconds
from tests.e2e.local_stack import ROOT, LocalStack

ROWS = 1_000_000
SPREAD = "6h"


def write(path: Path, rows: int) -> None:
    """Write rows with two credentials and a city each."""
    with path.open("w", encoding="utf-8") as file:
        file.write("accountId,modelId,channelId,credentials.token,credentials.user,config.city\n")
        file.writelines(
            f"acct-{n:07},model-{n},channel-{n},token-{n}-abcdefghijklmnop,user-{n}@example.com,Zurich\n"
            for n in range(rows)
        )


def peak_mb(pid: int) -> float:
    """Return the peak memory of a process; 0 if it has ended."""
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0


def workers(stack: LocalStack) -> list[int]:
    """Return the processes of the function that imports files."""
    found = []
    for pid in stack.processes():
        with suppress(OSError):
            if "functions/import_file" in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(pid)
    return found


def measure(rows: int, *, kill: bool, start: bool, folder: Path) -> dict[str, Any]:
    """Run the import once and measure it."""
    path = folder / "accounts.csv"
    write(path, rows)
    stack = LocalStack(folder / "data", "--ephemeral", env={"HEALTH_CHECK_MINUTES": "1"})
    try:
        paths = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "engine" / "src")])
        env = {
            **os.environ,
            "PYTHONPATH": paths,
            "FLAMEBOT_API_URL": stack.facts["apiUrl"],
            "FLAMEBOT_TOKEN": stack.facts["token"],
        }
        options = ["--type", "aggressive", "--spread", SPREAD] if start else ["--no-start"]
        began, used = time.monotonic(), processor_seconds()
        command = [sys.executable, "-m", "cli.main", "import", str(path), "--json", *options]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=env, cwd=folder
        ) as ran:
            peaks = {"worker": 0.0, "command": 0.0}
            killed = not kill
            while ran.poll() is None:
                peaks["worker"] = max([peaks["worker"], *map(peak_mb, workers(stack))])
                peaks["command"] = max(peaks["command"], peak_mb(ran.pid))
                if not killed:
                    (shown,) = stack.api.get("/v1/imports?limit=1").json()["items"] or [
                        {"percent": 0}
                    ]
                    if shown["percent"] > 50:
                        for pid in workers(stack):
                            os.kill(pid, signal.SIGKILL)
                        killed = True
                time.sleep(0.5)
            result = json.loads(ran.stdout.read() if ran.stdout else "{}")
        seconds, used = time.monotonic() - began, processor_seconds() - used
        shown = stack.api.get(f"/v1/imports/{result['importId']}").json()
        (stored,) = stack.rows(
            "select count(*) as accounts, (select count(*) from "
            "workflow_instances) as workflows from accounts"
        )
    finally:
        stack.end()
    return {
        "rows": rows,
        "bytes": path.stat().st_size,
        "seconds": round(seconds, 1),
        "rowsPerSecond": round(rows / seconds),
        "cpuUsPerRow": round(used / rows * 1e6, 1),
        "workerPeakMb": round(peaks["worker"], 1),
        "commandPeakMb": round(peaks["command"], 1),
        "killed": kill,
        "started": shown["started"],
        "rejected": shown["rejected"],
        **stored,
    }


def figures(result: dict[str, Any]) -> list[Figure]:
    """Return a run's results as figures of the benchmarks."""
    note = (
        f"{result['rows']:,} rows, {result['bytes'] / 1e6:.0f} "
        f"MB, {result['seconds']:,.0f} s, a workflow each"
    )
    return [
        figure("import_file_rows_per_second", result["rows"] / result["seconds"], "1/s", note),
        figure(
            "import_file_peak_mb",
            result["workerPeakMb"],
            "MB",
            f"of the worker; the command line's {result['commandPeakMb']:.0f}",
        ),
        figure(
            "import_file_cpu_us_per_row",
            result["cpuUsPerRow"],
            "us",
            "functions, Postgres, and the rest of the stack",
        ),
    ]


def main() -> None:
    """Measure, and print the result as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--kill", action="store_true", help="kill the worker half-way")
    parser.add_argument(
        "--start",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="start a workflow for each account",
    )
    options = parser.parse_args()
    before = report.latest()
    with tempfile.TemporaryDirectory() as folder, Others() as others:
        result = measure(options.rows, kill=options.kill, start=options.start, folder=Path(folder))
    print(json.dumps(result, indent=1))
    assert result["started" if options.start else "accounts"] == options.rows, "rows are missing"
    measured = {each.name: report.entry(each, others=others.cores) for each in figures(result)}
    print("\n" + report.table(measured, before))
    if options.rows >= ROWS and options.start and not options.kill:
        report.save(measured, before)


if __name__ == "__main__":
    main()
