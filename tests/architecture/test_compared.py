"""docs/explanation/compared.md: each test and each finding that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "compared.md"
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split(" | ")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| situation")
]
TEST = re.compile(r"\[`(\w+)`\]\(([^)]+)\)")
FINDING = re.compile(r"\[[\w-]+\]\(([^)]*findings/[^)]+)\)")
PEER = re.compile(r"([\w-]+) (\d+\.\d+\.\d+)")


def test_the_page_compares_at_least_fifteen_situations() -> None:
    """Each row has a situation, our behaviour, a test, and peers."""
    assert len(ROWS) >= 15
    assert {len(row) for row in ROWS} == {4}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_each_situation_names_tests_that_exist(row: list[str]) -> None:
    """A linked test is a function of the linked file."""
    linked = TEST.findall(row[2])
    assert linked
    for name, path in linked:
        file = (PAGE.parent / path).resolve()
        assert file.name.startswith("test_")
        functions = [
            node.name
            for node in ast.parse(file.read_text(encoding="utf-8")).body
            if isinstance(node, ast.FunctionDef)
        ]
        assert name in functions


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_each_peer_has_a_version_and_its_finding_pins_it(row: list[str]) -> None:
    """A linked finding exists, and installs the version that the page names."""
    for peer in row[3].split("<br>"):
        if peer == "no peer was tried":
            continue
        versions = PEER.match(peer)
        assert versions is not None, peer
        for path in FINDING.findall(peer):
            script = (PAGE.parent / path).resolve().read_text(encoding="utf-8")
            assert f"{versions[1]}=={versions[2]}" in script
