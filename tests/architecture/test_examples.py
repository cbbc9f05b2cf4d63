"""What the README shows works as it stands there."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from pathlib import Path

import yaml

from flamebot.actions.registry import REGISTRY
from flamebot.domain.backoff import EnginePolicy
from flamebot.domain.document import read_definition

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
POLICY = EnginePolicy(
    max_attempts=3,
    max_reclaims=5,
    retry_base=timedelta(seconds=30),
    retry_cap=timedelta(seconds=300),
)


def test_the_readmes_workflow_is_valid() -> None:
    """The definition in the README is the example file, and the engine takes it."""
    (shown,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    document = yaml.safe_load((EXAMPLES / "welcome.yaml").read_text())
    assert yaml.safe_load(shown) == document
    definition, issues = read_definition(document, REGISTRY, POLICY)
    assert issues == []
    assert definition is not None
    assert [step.action for step in definition.steps] == [
        "wait",
        "add_prompt",
        "swipe_with_spectre",
        "goto",
    ]


def test_the_readmes_accounts_can_start() -> None:
    """The CSV file of the README brings what starting a workflow takes."""
    with (EXAMPLES / "accounts.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert all(row["accountId"] and row["modelId"] and row["channelId"] for row in rows)


def test_every_file_the_readme_names_exists() -> None:
    """No path in the README leads nowhere."""
    named = re.findall(
        r"(?:docs|events|definitions|layers)/[a-zA-Z0-9_./-]*[a-zA-Z0-9_]",
        (ROOT / "README.md").read_text(),
    )
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
