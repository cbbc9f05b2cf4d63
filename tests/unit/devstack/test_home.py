"""One stack per data directory, and nothing secret in it for others to read."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from devstack.data_dir import AlreadyRunning, Home


def test_a_directory_is_taken_once(tmp_path: Path) -> None:
    """A second stack is told who is there, until the first has left."""
    first = Home(tmp_path, ephemeral=False)
    first.announce({"apiUrl": "http://here", "pid": 7})
    with pytest.raises(AlreadyRunning, match="http://here, process 7"):
        Home(tmp_path, ephemeral=False)
    first.leave()
    Home(tmp_path, ephemeral=False).leave()


def test_stack_json_comes_and_goes(tmp_path: Path) -> None:
    """It is private, there while the stack is ready, and one left by a kill goes with the next start."""
    home = Home(tmp_path, ephemeral=False)
    home.announce({"token": "x"})
    path = tmp_path / "stack.json"
    assert json.loads(path.read_text()) == {"token": "x"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    home.leave()
    assert not path.exists()
    path.write_text("{}")
    again = Home(tmp_path, ephemeral=False)
    assert not path.exists()
    again.leave()


def test_secrets_stay_the_same(tmp_path: Path) -> None:
    """A secret is made once, is private, and is no other's."""
    home = Home(tmp_path, ephemeral=False)
    secret = home.secret("one")
    assert home.secret("one") == secret != home.secret("two")
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == 0o600
    home.leave()


def test_an_ephemeral_stack_keeps_nothing(tmp_path: Path) -> None:
    """Its state is gone when it leaves, and what a killed one left is cleared away by the next."""
    home = Home(tmp_path, ephemeral=True)
    (home.state / "data").write_text("x")
    left = tmp_path / "ephemeral-left"
    left.mkdir()
    home.leave()
    assert not home.state.exists()
    Home(tmp_path, ephemeral=False).leave()
    assert not left.exists()
