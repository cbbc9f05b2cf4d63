"""The decision records have one format, follow each other in number, and are all listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ADRS = Path(__file__).resolve().parents[2] / "docs" / "adr"
RECORDS = sorted(path for path in ADRS.glob("*.md") if path.name != "README.md")
SECTIONS = ["Status", "Context", "Decision", "Consequences", "What would change our mind"]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_the_five_sections_and_at_most_sixty_lines(path: Path) -> None:
    """Every record has the same sections in the same order, and a title with its number."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert re.match(rf"# {int(path.name[:4])}\. [A-Z0-9a-z].+[^.]$", lines[0])
    assert len(lines) <= 60
    assert max(len(line) for line in lines) <= 100


def test_records_are_numbered_once() -> None:
    """No two records have one number. A number that a branch has reserved may be missing."""
    numbers = [int(path.name[:4]) for path in RECORDS]
    assert numbers == sorted(set(numbers))
    assert numbers[:17] == list(range(1, 18))


def test_the_index_lists_each_record_with_its_title() -> None:
    """`docs/adr/README.md` has one row per record, with the record's own title."""
    listed = re.findall(
        r"^\| \[(\d{4})\]\((\S+)\) \| (.+?) \| .+ \|$",
        (ADRS / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    expected = [
        (
            path.name[:4],
            path.name,
            path.read_text(encoding="utf-8").splitlines()[0].split(". ", 1)[1],
        )
        for path in RECORDS
    ]
    assert listed == expected
