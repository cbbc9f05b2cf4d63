"""Rules for every file: names, lengths, marks, docstrings, the Makefile and the CI workflow."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

import cli.main
from flamebot.version import VERSION

LONGEST_SOURCE = 300
LONGEST_TEST = 400
LONGER_ON_PURPOSE = {  # up to LONGEST_TEST, each with its reason
    "layers/engine/src/flamebot/bootstrap.py": "wires every function, a short paragraph each",
    "devstack/actions_service/provider.py": "one service in memory, whose rules belong together",
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "models", "manager", "managers", "misc"}
GENERATED = {"docs/openapi.json", "sql/schema.sql"}
LATER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
INDEX = re.compile(
    r"pypi\.org/simple|files\.pythonhosted|--(?:extra-)?index-"
    r"url|--find-"
    r"links[= ]|file:/{3}\S*(?:simple|wheels)|registry\.npm"
    r"js\.org"
)
TEXT = {
    ".py",
    ".sql",
    ".yaml",
    ".yml",
    ".toml",
    ".md",
    ".txt",
    ".in",
    ".json",
    ".js",
    ".css",
    ".html",
    "",
}


def _texts(files: list[Path]) -> list[tuple[Path, str]]:
    return [(path, path.read_text(encoding="utf-8")) for path in files if path.suffix in TEXT]


def test_the_version_is_the_same_everywhere(root: Path) -> None:
    """Engine, layer and project have one version, which the API and the command line show."""
    projects = [root / "pyproject.toml", root / "layers" / "engine" / "pyproject.toml"]
    versions = {tomllib.loads(path.read_text())["project"]["version"] for path in projects}
    assert versions == {VERSION, cli.main._VERSION}


def test_no_source_file_is_longer_than_three_hundred_lines(
    own_files: list[Path], root: Path
) -> None:
    """A source file has at most 300 lines, a test file 400, unless a reason is listed."""
    sources = [
        path
        for path in own_files
        if path.suffix in {".py", ".sql"} and str(path.relative_to(root)) not in GENERATED
    ]
    lengths = {str(path.relative_to(root)): len(path.read_text().splitlines()) for path in sources}
    limits = {
        name: LONGEST_TEST
        if name in LONGER_ON_PURPOSE or name.startswith(("tests/", "verification/"))
        else LONGEST_SOURCE
        for name in lengths
    }
    assert {name: length for name, length in lengths.items() if length > limits[name]} == {}
    no_longer_long = {name for name in LONGER_ON_PURPOSE if lengths.get(name, 0) <= LONGEST_SOURCE}
    assert no_longer_long == set()


def test_no_file_has_a_name_that_says_nothing(own_files: list[Path], root: Path) -> None:
    """No file or folder is called utils, helpers, common or the like."""
    vague = [
        str(path.relative_to(root))
        for path in own_files
        if VAGUE & {part.split(".")[0] for part in path.relative_to(root).parts}
    ]
    assert vague == []


def test_nothing_is_left_for_later(own_files: list[Path], root: Path) -> None:
    """Missing work is recorded in an issue, not as a mark in the code."""
    assert [
        str(path.relative_to(root)) for path, text in _texts(own_files) if LATER.search(text)
    ] == []


def test_no_file_names_a_package_index(own_files: list[Path], root: Path) -> None:
    """No file names a package index: such a lock file works only where the index is reachable.

    `test_requirements.py` contains the pattern and is the exception.
    """
    named = {str(path.relative_to(root)) for path, text in _texts(own_files) if INDEX.search(text)}
    assert named <= {"tests/architecture/test_requirements.py"}


def test_an_init_file_holds_a_docstring_only(own_files: list[Path], root: Path) -> None:
    """Importing a package runs no code; its `__init__.py` holds a docstring only."""
    for path in own_files:
        if path.name == "__init__.py":
            body = ast.parse(path.read_text()).body
            assert len(body) == 1, path.relative_to(root)
            assert ast.get_docstring(ast.parse(path.read_text())), path.relative_to(root)


def _test_files(files: list[Path], root: Path) -> list[Path]:
    suites = {"tests", "verification"}
    return [
        path for path in files if path.suffix == ".py" and path.relative_to(root).parts[0] in suites
    ]


def test_every_test_has_a_docstring(own_files: list[Path], root: Path) -> None:
    """A test's docstring states what is true of the system."""
    tests = [path for path in _test_files(own_files, root) if path.name.startswith("test_")]
    silent = [
        f"{path.relative_to(root)}::{node.name}"
        for path in tests
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_no_test_is_skipped(own_files: list[Path], root: Path) -> None:
    """No test is skipped or expected to fail: a test that does not run proves nothing."""
    skip = re.compile(r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)" r"\b")
    tests = [path for path in _test_files(own_files, root) if path.name != Path(__file__).name]
    assert [str(path.relative_to(root)) for path in tests if skip.search(path.read_text())] == []


def test_the_environment_is_read_in_one_module(own_files: list[Path], root: Path) -> None:
    """In the engine only `config.py` reads environment variables."""
    engine = root / "layers" / "engine" / "src" / "flamebot"
    readers = [
        path.relative_to(engine)
        for path in own_files
        if engine in path.parents and re.search(r"os\.(environ|getenv)", path.read_text())
    ]
    assert [str(path) for path in readers if path.suffix == ".py"] == ["config.py"]


def test_each_makefile_target_explains_itself(root: Path) -> None:
    """`make help` lists every target with a description."""
    text = (root / "Makefile").read_text()
    targets = re.findall(r"^\.PHONY: ([a-z0-9-]+)$", text, re.MULTILINE)
    explained = re.findall(r"^([a-z0-9-]+):.*## .+$", text, re.MULTILINE)
    assert targets == explained
    wanted = {
        "help", "demo", "dev", "check", "unit", "test", "suite", "lint", "types", "contracts",
        "build", "deploy", "requirements",
    }  # fmt: skip
    assert wanted <= set(targets)


def test_make_check_is_part_of_make_test(root: Path) -> None:
    """`make test` runs everything that `make check` runs; only its test run is larger."""
    text = (root / "Makefile").read_text()
    needs = {
        name: set(targets.split())
        for name, targets in re.findall(r"^(check|test):([^#]*)##", text, re.MULTILINE)
    }
    assert needs["check"] - needs["test"] == {"unit"}
    assert {"template", "suite", "e2e"} <= needs["test"]


def _yaml(path: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def test_the_workflow_calls_make_test(root: Path) -> None:
    """CI runs the checks of `make test`, with the oldest Python that the project supports too."""
    jobs = _yaml(root / ".github" / "workflows" / "ci.yml")["jobs"]
    commands = [step.get("run") for job in jobs.values() for step in job["steps"]]
    assert commands[-1] == "make test"
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    assert 'requires-python = ">=3.11"' in (root / "pyproject.toml").read_text()


def test_the_issue_forms_are_valid(root: Path) -> None:
    """Each issue form has a name, a description and fields with ids, as GitHub requires."""
    folder = root / ".github" / "ISSUE_TEMPLATE"
    for name in ("bug.yml", "feature.yml"):
        form = _yaml(folder / name)
        assert form["name"], name
        assert form["description"], name
        fields = [field for field in form["body"] if field["type"] != "markdown"]
        ids = [field["id"] for field in fields]
        assert len(ids) == len(set(ids)) > 1, name
        assert all(field["attributes"]["label"] for field in fields), name


def test_the_rule_for_commit_subjects_is_documented(root: Path) -> None:
    """CONTRIBUTING and the pull-request template show the form and length of a commit subject."""
    for name in ("CONTRIBUTING.md", ".github/PULL_REQUEST_TEMPLATE.md"):
        text = (root / name).read_text(encoding="utf-8")
        assert "scope: what changes" in text, name
        assert "72 characters" in text, name
