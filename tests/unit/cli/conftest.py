"""Runs commands in a directory of their own against an API with canned responses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from tests.unit.cli.canned import CannedApi, serve


@dataclass
class Ran:
    """Output and exit status of a command."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The standard output, parsed as JSON."""
        return json.loads(self.out)


Flamebot = Callable[..., Ran]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run each test with an empty home, directory and environment."""
    for name in (
        "FLAMEBOT_API_URL",
        "FLAMEBOT_TOKEN",
        "FLAMEBOT_PROFILE",
        "NO_COLOR",
        "XDG_CONFIG_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


@pytest.fixture
def api() -> Iterator[CannedApi]:
    """The canned API that commands use."""
    with serve() as canned:
        yield canned


@pytest.fixture
def flamebot(
    api: CannedApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Flamebot:
    """Return a function that runs a command against the canned API."""
    monkeypatch.setenv("FLAMEBOT_API_URL", api.url)
    monkeypatch.setenv("FLAMEBOT_TOKEN", "planted-token")

    def run(*argv: str) -> Ran:
        capsys.readouterr()
        try:
            answered = main(list(argv))
        except SystemExit as ended:  # argparse ends this way
            answered = ended.code if isinstance(ended.code, int) else 1
        shown = capsys.readouterr()
        return Ran(answered, shown.out, shown.err)

    return run
