"""Definition files as people have them, from `tests/field_cases`: read as written, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli import definition_file
from cli.failures import Failure
from flamebot.actions.registry import REGISTRY
from flamebot.domain.document import read_definition
from tests.unit.domain.builders import POLICY

FILES = Path(__file__).resolve().parents[2] / "field_cases"
# What a file has at a pointer, or the places and ends of its issues.
READ: dict[str, dict[str, Any]] = {
    "def_01_json_emoji_escaped.json": {"/name": "Welcome \U0001f600", "/steps/0/delay": None},
    "def_02_json_tabs.json": {"/steps/0/delay": "1h"},
    "def_06_yaml_date.yaml": {"/description": "2026-11-30"},
    "def_10_yaml_integer_ms.yaml": {"/steps/0/delay": 90},
    "def_11_long_waits.yaml": {"/steps/3/delay": "7305d"},
    "def_12_spectre_bigint.json": {"/steps/0/spectre": {"deck": 9007199254740993, "ratio": 0.1}},
    "def_14_json_escaped_slash.json": {"/name": "Morning/evening"},
    "def_15_harmless_texts.json": {"/steps/1/text": "Free most days 18:00-22:00"},
}
REFUSED = {
    "def_03_yaml_sexagesimal.yaml": {"4:39": "For 1 h 30 min 0 s write PT1H30M0S."},
    "def_04_yaml_sexagesimal_min.yaml": {
        "4:39": "For 10 h 0 min write PT10H0M, for 10 min 0 s PT10M0S.",
        "5:60": "For 30 h 0 min write PT30H0M, for 30 min 0 s PT30M0S.",
    },
    "def_05_yaml_octal.yaml": {"4:57": "Write it without them, or as a text in quotes."},
}


def issues(path: Path) -> dict[str, str]:
    """Return the issues of a file by their positions, which include the file's path."""
    try:
        file = definition_file.read(path)
    except Failure as failure:
        return {issue["position"]: issue["detail"] for issue in failure.errors}
    found = read_definition(file.document, REGISTRY, POLICY)[1]
    return {file.position(issue.pointer): issue.detail for issue in found}


def test_every_definition_file_has_its_right_outcome_here() -> None:
    """No file of the folder is left out."""
    assert sorted([*READ, *REFUSED]) == sorted(path.name for path in FILES.glob("def_*"))


@pytest.mark.parametrize("name", READ)
def test_a_definition_of_the_field_is_read_as_it_was_written(name: str) -> None:
    """It is valid, and its values are those that the author sees."""
    assert issues(FILES / name) == {}
    document = definition_file.read(FILES / name).document
    for path, value in READ[name].items():
        found: Any = document
        for part in path.split("/")[1:]:
            found = found[int(part)] if isinstance(found, list) else found.get(part)
        assert found == value


@pytest.mark.parametrize("name", REFUSED)
def test_a_definition_that_is_read_in_two_ways_is_refused(name: str) -> None:
    """Each issue names file, line and column, and says what to write."""
    found = issues(FILES / name)
    assert [place.removeprefix(f"{FILES / name}:") for place in found] == list(REFUSED[name])
    for detail, end in zip(found.values(), REFUSED[name].values(), strict=True):
        assert detail.endswith(end)
