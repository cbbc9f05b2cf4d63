"""The house is in order: names say what is inside, files are short, nothing is left for later."""

from __future__ import annotations

import ast
import re
from pathlib import Path

SECOND_LOOK = 300
LOOKED_AT = {  # longer on purpose, each with its reason
    "layers/engine/src/flamebot/bootstrap.py": "wires every function: one short paragraph each",
    "devstack/actions_service/provider.py": "one service in memory, whose rules are read together",
}
VAGUE = {"utils", "util", "helpers", "helper", "common", "models", "manager", "managers", "misc"}
GENERATED = {"docs/openapi.json", "sql/schema.snapshot.sql"}
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


def test_no_source_file_is_longer_than_three_hundred_lines(
    own_files: list[Path], root: Path
) -> None:
    """A longer file is two files, unless somebody looked twice. A suite of one thing may be longer."""
    sources = [
        path
        for path in own_files
        if path.suffix in {".py", ".sql"} and str(path.relative_to(root)) not in GENERATED
    ]
    lengths = {str(path.relative_to(root)): len(path.read_text().splitlines()) for path in sources}
    limits = {
        name: 400 if name in LOOKED_AT or name.startswith("tests/") else SECOND_LOOK
        for name in lengths
    }
    assert {name: length for name, length in lengths.items() if length > limits[name]} == {}
    assert {name for name in LOOKED_AT if lengths.get(name, 0) <= SECOND_LOOK} == set(), (
        "no longer longer"
    )


def test_no_file_has_a_name_that_says_nothing(own_files: list[Path], root: Path) -> None:
    """Files and folders are named after what is in them."""
    vague = [
        str(path.relative_to(root))
        for path in own_files
        if VAGUE & {part.split(".")[0] for part in path.relative_to(root).parts}
    ]
    assert vague == []


def test_nothing_is_left_for_later(own_files: list[Path], root: Path) -> None:
    """What is missing stands in an issue, not in the code."""
    assert [
        str(path.relative_to(root)) for path, text in _texts(own_files) if LATER.search(text)
    ] == []


def test_no_file_names_a_package_index(own_files: list[Path], root: Path) -> None:
    """Where packages come from is the machine's business; a lock file that names a place works in that place only.

    The Makefile names the options that keep the places out.
    """
    named = {str(path.relative_to(root)) for path, text in _texts(own_files) if INDEX.search(text)}
    assert named <= {"tests/architecture/test_requirements.py"}


def test_an_init_file_holds_a_docstring_only(own_files: list[Path], root: Path) -> None:
    """Importing a package does nothing, and its file says what is inside."""
    for path in own_files:
        if path.name == "__init__.py":
            body = ast.parse(path.read_text()).body
            assert len(body) == 1, path.relative_to(root)
            assert ast.get_docstring(ast.parse(path.read_text())), path.relative_to(root)


def test_every_test_says_a_truth(own_files: list[Path], root: Path) -> None:
    """A test's docstring is a sentence about the system."""
    tests = [
        path
        for path in own_files
        if path.suffix == ".py" and path.name.startswith("test_") and "tests" in path.parts
    ]
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
    """A test that does not run proves nothing."""
    skip = re.compile(r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)" r"\b")
    tests = [
        path
        for path in own_files
        if path.suffix == ".py" and "tests" in path.parts and path.name != Path(__file__).name
    ]
    assert [str(path.relative_to(root)) for path in tests if skip.search(path.read_text())] == []


def test_the_environment_is_read_in_one_module(own_files: list[Path], root: Path) -> None:
    """`config.py` alone knows the names of variables; the rest of the engine gets values."""
    engine = root / "layers" / "engine" / "src" / "flamebot"
    readers = [
        path.relative_to(engine)
        for path in own_files
        if engine in path.parents and re.search(r"os\.(environ|getenv)", path.read_text())
    ]
    assert [str(path) for path in readers if path.suffix == ".py"] == ["config.py"]


def test_each_makefile_target_explains_itself(root: Path) -> None:
    """`make` alone lists every target with what it does."""
    text = (root / "Makefile").read_text()
    targets = re.findall(r"^\.PHONY: ([a-z0-9-]+)$", text, re.MULTILINE)
    explained = re.findall(r"^([a-z0-9-]+):.*## .+$", text, re.MULTILINE)
    assert targets == explained
    assert {
        "help",
        "demo",
        "test",
        "dev",
        "build",
        "deploy",
        "lint",
        "types",
        "arrows",
        "requirements",
    } <= set(targets)
