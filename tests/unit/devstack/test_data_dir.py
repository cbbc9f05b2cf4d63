"""A data directory belongs to one stack at a time, and its secrets are private."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from devstack.data_dir import AlreadyRunning, DataDirectory


def test_a_directory_is_taken_once(tmp_path: Path) -> None:
    """A second stack fails with the address of the first, until the first has left."""
    first = DataDirectory(tmp_path, ephemeral=False)
    first.announce({"apiUrl": "http://here", "pid": 7})
    with pytest.raises(AlreadyRunning, match="http://here, process 7"):
        DataDirectory(tmp_path, ephemeral=False)
    first.leave()
    DataDirectory(tmp_path, ephemeral=False).leave()


def test_stack_json_comes_and_goes(tmp_path: Path) -> None:
    """stack.json is private, exists while the stack is ready, and is removed after a kill."""
    directory = DataDirectory(tmp_path, ephemeral=False)
    directory.announce({"token": "x"})
    path = tmp_path / "stack.json"
    assert json.loads(path.read_text()) == {"token": "x"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    directory.leave()
    assert not path.exists()
    path.write_text("{}")
    again = DataDirectory(tmp_path, ephemeral=False)
    assert not path.exists()
    again.leave()


def test_secrets_stay_the_same(tmp_path: Path) -> None:
    """A secret is created once, is private, and differs from every other."""
    directory = DataDirectory(tmp_path, ephemeral=False)
    secret = directory.secret("one")
    assert directory.secret("one") == secret != directory.secret("two")
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o600
    directory.leave()


def test_an_ephemeral_stack_keeps_nothing(tmp_path: Path) -> None:
    """An ephemeral state is deleted at the end; after a kill the next stack deletes it."""
    directory = DataDirectory(tmp_path, ephemeral=True)
    (directory.state / "data").write_text("x")
    left = tmp_path / "ephemeral-left"
    left.mkdir()
    directory.leave()
    assert not directory.state.exists()
    DataDirectory(tmp_path, ephemeral=False).leave()
    assert not left.exists()
