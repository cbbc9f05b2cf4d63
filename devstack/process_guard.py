"""A guard that ends a child process when its parent ends, even by SIGKILL.

Run as a program, this module starts a command and waits until its own standard input ends: a pipe
from the parent, which the kernel closes however the parent ends. It uses the standard library only,
because it is also run by path and under other users.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_CHILD_SUBREAPER = 36
_ORPHAN_SECONDS = 2.0


def start_guarded(
    command: Sequence[str],
    *,
    log: IO[bytes] | int,
    stop_signal: signal.Signals = signal.SIGTERM,
    grace_seconds: float = 8.0,
    wrapper: Sequence[str] = (),
    user: int | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command under a guard of its own, in a session of its own.

    Args:
        command: The program and its arguments.
        log: Where its standard output and error go.
        stop_signal: The signal that asks the command to end.
        grace_seconds: Seconds until it is killed after that signal.
        wrapper: A prefix such as `unshare` for the guard and the command.
        user: A numeric user and group for the command; the guard keeps its own.
        env: The environment; by default this process's.
    """
    options = ["--signal", stop_signal.name, "--grace", str(grace_seconds)]
    if user is not None:
        options += ["--user", str(user)]
    guard = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), *options, "--", *command]
    return subprocess.Popen(
        [*wrapper, *guard],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=env,
        start_new_session=True,
    )


def stop_guarded(process: subprocess.Popen[bytes], timeout: float = 12.0) -> None:
    """End a command of `start_guarded`: its stop signal, then SIGKILL. May be repeated."""
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()  # the command ends by its parent-death signal
        process.wait()


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Return a hook that has Linux signal the command when the guard itself is killed."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def request_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number))

    return request_signal


def _watch(
    child: subprocess.Popen[bytes], stop_signal: signal.Signals, grace_seconds: float
) -> int:
    read_end, write_end = os.pipe()

    def report_end() -> None:
        child.wait()
        os.write(write_end, b"x")

    def forward(_number: int, _frame: object) -> None:
        child.send_signal(stop_signal)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, forward)
    threading.Thread(target=report_end, daemon=True).start()
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(read_end, selectors.EVENT_READ)
        while not any(key.fd == read_end for key, _ in selector.select()):
            if os.read(0, 512):
                continue
            child.send_signal(stop_signal)
            try:
                child.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                child.kill()
            break
    code = child.wait()
    _collect_orphans()
    return code


def _adopt_orphans() -> None:
    """Become the parent of orphans of the command, on Linux.

    Not every container has an init process that collects the exit status of orphans.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _collect_orphans() -> None:
    give_up = time.monotonic() + _ORPHAN_SECONDS
    with suppress(ChildProcessError):
        while time.monotonic() < give_up:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)


def main() -> int:
    """Guard a command until it or standard input ends."""
    parser = argparse.ArgumentParser(
        prog="guard", description="Run a command; stop it when standard input ends."
    )
    parser.add_argument("--signal", default="SIGTERM")
    parser.add_argument("--grace", type=float, default=8.0)
    parser.add_argument("--user", type=int)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    stop_signal = signal.Signals[options.signal]
    _adopt_orphans()
    child = subprocess.Popen(
        options.command,
        stdin=subprocess.DEVNULL,
        user=options.user,
        group=options.user,
        extra_groups=None if options.user is None else [],
        preexec_fn=_die_with_parent(stop_signal),  # noqa: PLW1509  # no thread has been started yet
    )
    code = _watch(child, stop_signal, options.grace)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
