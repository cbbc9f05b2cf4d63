"""The demo succeeds within its time and leaves no process and no file behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.local_stack import ROOT, wait_until

PROMISED_SECONDS = 90.0


def marked(mark: str) -> dict[int, str]:
    """Return the living processes with this text in their environment or command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
                if mark.encode() in command + (entry / "environ").read_bytes():
                    found[int(entry.name)] = command.replace(b"\0", b" ").decode()
            except OSError:
                continue
    return found


@pytest.mark.slow
def test_the_demo(tmp_path: Path) -> None:
    """`make demo` ends with 0 within 90 seconds and leaves no process and no file."""
    mark = (
        tmp_path / "demo-was-here"
    )  # every child gets this directory for temporary files and is found by it
    mark.mkdir()
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "engine" / "src")])
    environment = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(mark)}
    environment.pop("FLAMEBOT_DEV_DATABASE_URL", None)
    began = time.monotonic()
    with (tmp_path / "output.log").open("wb") as output:
        demo = subprocess.Popen(
            [sys.executable, "-m", "devstack.demo"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: len(marked(str(mark))) > 8, 60, "the demo's processes")
        status = demo.wait(2 * PROMISED_SECONDS)
    finally:
        demo.kill()
        demo.wait()
    seconds = time.monotonic() - began
    printed = (tmp_path / "output.log").read_text()
    assert status == 0, printed
    assert "Every workflow did what its definition says." in printed
    assert seconds < PROMISED_SECONDS, printed
    wait_until(
        lambda: not marked(str(mark)), 5, f"the end of all its processes: {marked(str(mark))}"
    )
    assert list(mark.iterdir()) == []
