"""The pages lead somewhere: each link has a target, and each named function is where it is said."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*.md"),
        *(ROOT / folder / "README.md" for folder in ("bench", "findings", "sql", "tests")),
        *(ROOT / "verification").rglob("*.md"),
    ]
)
LIFE = ROOT / "docs" / "life-of-a-task.md"
LINK = re.compile(r"(?<!\!)\[([^\]]+)\]\(([^)\s]+)\)")
CODE_LINK = re.compile(r"\[`([\w.]+)`\]\(([^)\s]+\.(?:py|sql))\)")
FOLDERS = "layers|functions|sql|docs|tests|verification|devstack|cli|bench|events|findings"
PATH = re.compile(rf"`((?:{FOLDERS})/[\w./-]+\.(?:py|sql|md|pml|json|yaml))`")


def _prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _names(source: Path) -> set[str]:
    """Return the functions, classes and `Class.method`s that a file defines."""
    if source.suffix == ".sql":
        return {source.stem}
    names = set()
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{m.name}" for m in node.body if isinstance(m, ast.FunctionDef)}
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_a_target(page: Path) -> None:
    """A relative link names a file of the repository, and its anchor a heading there."""
    broken = []
    for _, target in LINK.findall(_prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_in_backticks_exists(page: Path) -> None:
    """A path that a page names is a file of the repository."""
    if page.name in {"CHANGELOG.md", "write-an-action.md"}:
        return  # files of earlier versions, and files that the reader writes
    named = [path for path in PATH.findall(_prose(page)) if not re.search(r"[A-Z]{4}", path)]
    missing = [path for path in named if not (ROOT / path).exists()]
    assert missing == []


def test_the_life_of_a_task_names_functions_where_they_are() -> None:
    """Each function that the page links to is defined in the linked file."""
    links = CODE_LINK.findall(LIFE.read_text(encoding="utf-8"))
    assert len(links) >= 25
    lost = [
        f"{name} is not in {path}"
        for name, path in links
        if name not in _names((LIFE.parent / path).resolve())
    ]
    assert lost == []


def test_a_due_task_crosses_at_most_twenty_files() -> None:
    """From the claim to the committed next task the page passes at most twenty files."""
    rows = re.findall(r"^\| \*\*(\d+)\. .+$", LIFE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number in rows] == list(range(1, 16))
    text = LIFE.read_text(encoding="utf-8")
    due = text[text.index("| **4. Claim**") : text.index("| **13. Unlock**")]
    assert len({path for _, path in CODE_LINK.findall(due)}) <= 20


def test_the_readme_leads_to_the_life_of_a_task_first() -> None:
    """The first link of the README is the page that explains the engine."""
    (first, *_) = LINK.findall(_prose(ROOT / "README.md"))
    assert first[1] == "docs/life-of-a-task.md"
