"""The built functions under Lambda's runtime interface emulator."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.database import CACHE, ROOT
from devstack.aws.template import FunctionSpec

LAYER = ROOT / ".aws-sam" / "build" / "EngineLayer" / "python"
_HOME = CACHE / "rie"
_PINS = ROOT / "requirements" / "rie.txt"
_EMULATOR = "lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"
_SECONDS = 60.0
_BUILD_SECONDS = 900.0
_SCHEDULED = (
    2  # the kernel's clock of a process's processor time, of all its threads, ended ones included
)


class CannotBuild(RuntimeError):
    """A tool that building and running needs is missing on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """The cost of a first event, from the start of the runtime's process to its response."""

    cpu_seconds: float
    wall_seconds: float
    answer: Any


def build() -> Path:
    """Run `make build` and create an environment with the runtime's packages; return its Python.

    Raises `CannotBuild`.
    """
    python = os.environ.get("RUNTIME_PYTHON") or shutil.which("python3.13") or ""
    try:
        subprocess.run(
            [python, "-c", "import sys; sys.exit(sys.version_info[:2] != (3, 13))"],
            check=True,
            capture_output=True,
        )
        _run(["make", "build", f"RUNTIME_PYTHON={python}"])
        stamp = _HOME / ".pins"
        if not stamp.exists() or stamp.read_text() != _PINS.read_text():
            shutil.rmtree(_HOME, ignore_errors=True)
            _run([python, "-m", "venv", str(_HOME)])
            for pins in (ROOT / "requirements" / "pip.txt", _PINS):
                _run(
                    [
                        str(_HOME / "bin" / "python"),
                        "-m",
                        "pip",
                        "install",
                        "-q",
                        "--require-hashes",
                        "-r",
                        str(pins),
                    ]
                )
            stamp.write_text(_PINS.read_text())
    except subprocess.CalledProcessError as error:
        raise CannotBuild(
            f"{' '.join(map(str, error.cmd[:3]))}: "
            f"{(error.stderr or b'').decode(errors='replace')[-600:]}"
        ) from None
    except OSError:
        raise CannotBuild(
            "the runtime's Python 3.13 is not on PATH; RUNTIME_PYTHON may say where it is"
        ) from None
    return _HOME / "bin" / "python"


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=_BUILD_SECONDS)


def start(
    python: Path, function: FunctionSpec, variables: Mapping[str, str], event: object, log: Path
) -> ColdStart:
    """Create an execution environment, pass it its first event, measure, and end it."""
    emulator = next((ROOT / ".venv-sam").glob(_EMULATOR))
    invoked_at, runtime_at = _free_port(), _free_port()
    environment = {
        **variables,
        "PATH": os.defpath,
        "_HANDLER": function.handler,
        "PYTHONPATH": f"{function.code}:{LAYER}",
        "PYTHONDONTWRITEBYTECODE": "1",  # /opt is read-only
    }
    addresses = [
        "--runtime-interface-emulator-address",
        f"127.0.0.1:{invoked_at}",
        "--runtime-api-address",
        f"127.0.0.1:{runtime_at}",
    ]
    command = [
        str(emulator),
        *addresses,
        "--log-level",
        "error",
        str(python),
        "-m",
        "awslambdaric",
        function.handler,
    ]
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command,
            cwd=function.code,
            env=environment,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        try:
            _wait_for(invoked_at)
            begun = time.perf_counter()
            answer = _invoke(
                invoked_at,
                event,
                # starts the runtime's process, which polls once the handler is imported
            )
            wall = time.perf_counter() - begun
            cpu = time.clock_gettime((~_child(process.pid) << 3) | _SCHEDULED)
        finally:
            os.killpg(process.pid, 9)
            process.wait()
    return ColdStart(cpu_seconds=cpu, wall_seconds=wall, answer=answer)


def _invoke(port: int, event: object) -> Any:  # noqa: ANN401  # whatever a handler answers
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    with urllib.request.urlopen(
        urllib.request.Request(url, data=json.dumps(event).encode()), timeout=_SECONDS
    ) as response:
        answer = json.loads(response.read())
    if isinstance(answer, dict) and "errorType" in answer:
        raise AssertionError(answer)
    return answer


def _child(parent: int) -> int:
    """Return the one child of a process."""
    (found,) = [
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if (text := _text(stat)) and int(text.rpartition(")")[2].split()[1]) == parent
    ]
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has just ended
        return ""


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + _SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
