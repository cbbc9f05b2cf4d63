"""The data directory of a local stack: its lock, its files and its secrets."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from devstack.tokens import write_private

_STACK_FILE = "stack.json"
_EPHEMERAL_PREFIX = "ephemeral-"


class AlreadyRunning(RuntimeError):
    """Another stack uses the data directory."""


class DataDirectory:
    """A data directory, locked by this process until `leave`.

    `state` is the folder for everything that is kept between runs. For an ephemeral stack it is a
    temporary folder that `leave` deletes.
    """

    def __init__(self, directory: Path, *, ephemeral: bool) -> None:
        """Lock the directory. Raises `AlreadyRunning`."""
        self.directory = directory.resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # The kernel releases this lock however the process ends.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise AlreadyRunning(self._occupied()) from None
        self._stack_file.unlink(missing_ok=True)  # left by a stack that was killed
        for left in self.directory.glob(f"{_EPHEMERAL_PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)
        self._ephemeral = ephemeral
        self.state = (
            Path(tempfile.mkdtemp(prefix=_EPHEMERAL_PREFIX, dir=self.directory))
            if ephemeral
            else self.directory
        )
        if ephemeral:
            self.state.chmod(0o711)  # its Postgres may run as another user
        self.logs = self.directory / "logs"
        self.logs.mkdir(exist_ok=True)

    def secret(self, name: str) -> str:
        """Return a random secret that stays the same between runs."""
        path = self.state / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24).encode())
        return path.read_text()

    def announce(self, facts: Mapping[str, Any]) -> None:
        """Write stack.json, which says that the stack is ready."""
        write_private(self._stack_file, json.dumps(facts, indent=2).encode())

    def withdraw(self) -> None:
        """Remove stack.json, because the stack is no longer ready."""
        self._stack_file.unlink(missing_ok=True)

    def leave(self) -> None:
        """Release the directory, and delete an ephemeral state."""
        self.withdraw()
        if self._ephemeral:
            shutil.rmtree(self.state, ignore_errors=True)
        os.close(self._lock)

    @property
    def _stack_file(self) -> Path:
        return self.directory / _STACK_FILE

    def _occupied(self) -> str:
        with suppress(OSError, ValueError, KeyError):
            facts = json.loads(self._stack_file.read_text())
            where = f"{facts['apiUrl']}, process {facts['pid']}"
            return f"A stack is already running in {self.directory}: {where}"
        return f"A stack is already starting or stopping in {self.directory}"
