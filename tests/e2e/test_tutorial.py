"""The commands of the tutorial "Your first workflow" work in the order in which they are shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import StartStack
from tests.e2e.local_stack import ROOT

PAGE = ROOT / "docs" / "tutorial" / "first-workflow.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
START_OF_THE_STACK = "make dev"
LONGEST_COMMAND_SECONDS = 90  # `history --follow` waits for a workflow


@dataclass(frozen=True, slots=True)
class Example:
    """Commands of the page, and the output lines that it shows for them."""

    commands: str
    expected: tuple[str, ...]


def examples() -> list[Example]:
    """Return the page's `sh` blocks, each with the `text` block that may follow it."""
    found: list[Example] = []
    for language, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "sh":
            found.append(Example(content, ()))
        else:
            assert language == "text", f"a block is neither commands nor output: {language}"
            found[-1] = Example(found[-1].commands, tuple(content.splitlines()))
    return found


def occurs(line: str, output: str) -> bool:
    """Return whether a line of the page is in the output.

    `...` stands for any text, and the widths of columns are ignored. The order of lines is ignored
    too, because accounts of one import are listed in any order.
    """
    parts = (r"\s+".join(map(re.escape, part.split())) for part in line.split("..."))
    pattern = re.compile(r"\s*" + r".*?".join(parts) + r"\s*")
    return any(pattern.fullmatch(printed) for printed in output.splitlines())


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder that the commands take for a checkout.

    It has `.venv/bin/flamebot` and `docs/`.
    """
    program = tmp_path / ".venv" / "bin" / "flamebot"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cli.main "$@"\n')
    program.chmod(0o755)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    return tmp_path


@pytest.mark.slow
def test_every_command_of_the_tutorial_prints_what_the_page_shows(
    start_stack: StartStack, checkout: Path
) -> None:
    """Every command of the tutorial prints what the page shows (I11)."""
    first, *others = examples()
    assert first.commands.startswith(START_OF_THE_STACK)  # the fixture starts it in its place
    speed = re.search(r"--speed (\d+)", first.commands)
    assert speed
    start_stack("--ephemeral", "--speed", speed[1], data_dir=checkout / ".flamebot")
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "engine" / "src")])
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FLAMEBOT_")
    } | {"PYTHONPATH": paths}
    for example in others:
        run = subprocess.run(
            ["/bin/sh", "-e", "-c", example.commands],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_COMMAND_SECONDS,
            text=True,
            check=False,
        )
        assert run.returncode == 0, f"{example.commands}\n{run.stdout}"
        missing = [line for line in example.expected if not occurs(line, run.stdout)]
        assert missing == [], f"{example.commands}\n{run.stdout}"
