"""What the architecture tests look at: the checkout's files and the template, read once."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from devstack.aws.cloudformation import read_document

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The root folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """`template.yaml`, its tags as their long forms."""
    return read_document(ROOT / "template.yaml")


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    """The template's resources by logical id."""
    found: dict[str, Any] = template["Resources"]
    return found


@pytest.fixture(scope="session")
def functions(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of each function by the name of its folder."""
    found = [
        r["Properties"] for r in resources.values() if r["Type"] == "AWS::Serverless::Function"
    ]
    return {Path(properties["CodeUri"]).name: properties for properties in found}


@pytest.fixture(scope="session")
def own_files() -> list[Path]:
    """Every file of ours: what git keeps, and what it would keep."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        names = (
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            .stdout.decode()
            .split("\0")
        )
    except (OSError, subprocess.CalledProcessError):  # an archive without .git
        hidden = {".git", ".venv", ".venv-sam", ".aws-sam", ".flamebot", "__pycache__"}
        names = [
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if not any(
                part in hidden or part.endswith((".egg-info", "_cache"))
                for part in path.relative_to(ROOT).parts
            )
        ]
    return sorted(ROOT / name for name in names if name and (ROOT / name).is_file())
