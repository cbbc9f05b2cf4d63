"""A command line in a directory of its own, talking to canned answers."""

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
    """What a command printed and answered."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output, read by a program."""
        return json.loads(self.out)


Flamebot = Callable[..., Ran]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of whoever runs the tests: an empty home, an empty directory, an empty environment."""
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
    """The API to talk to."""
    with serve() as canned:
        yield canned


@pytest.fixture
def flamebot(
    api: CannedApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Flamebot:
    """Runs a command against the canned API."""
    monkeypatch.setenv("FLAMEBOT_API_URL", api.url)
    monkeypatch.setenv("FLAMEBOT_TOKEN", "planted-token")

    def run(*argv: str) -> Ran:
        capsys.readouterr()
        try:
            answered = main(list(argv))
        except SystemExit as ended:  # argparse's own way out
            answered = ended.code if isinstance(ended.code, int) else 1
        shown = capsys.readouterr()
        return Ran(answered, shown.out, shown.err)

    return run
