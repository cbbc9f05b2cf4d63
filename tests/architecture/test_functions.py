"""A handler parses the event, calls a service and returns; the rest is in the engine."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

NAMES = ["api", "import_accounts", "import_file", "maintenance", "migrate", "step", "tick"]
MAY_IMPORT = {"flamebot", "aws_lambda_powertools"} | sys.stdlib_module_names


def _modules(tree: ast.AST) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a sibling import has two spellings: one in Lambda, one here"
            found.append(node.module or "")
    return found


def test_there_is_a_folder_with_one_file_for_each_function(
    root: Path, functions: dict[str, Any]
) -> None:
    """Functions and folders correspond, and each folder has only an `app.py`."""
    folders = sorted(
        path.name
        for path in (root / "functions").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    )
    assert folders == NAMES == sorted(functions)
    for name in NAMES:
        files = [
            path.name
            for path in (root / "functions" / name).iterdir()
            if path.name != "__pycache__"
        ]
        assert files == ["app.py"], name


def test_a_handler_is_at_most_forty_lines(root: Path) -> None:
    """A handler has at most forty lines."""
    lengths = {
        name: len((root / "functions" / name / "app.py").read_text().splitlines()) for name in NAMES
    }
    assert {name: length for name, length in lengths.items() if length > 40} == {}


def test_a_handler_imports_the_engine_powertools_and_the_standard_library_only(root: Path) -> None:
    """A handler uses AWS and other services through the engine only."""
    for name in NAMES:
        tree = ast.parse((root / "functions" / name / "app.py").read_text())
        foreign = {module for module in _modules(tree) if module.split(".")[0] not in MAY_IMPORT}
        assert foreign == set(), name


def test_every_file_defines_the_handler_that_the_template_names(
    root: Path, template: dict[str, Any]
) -> None:
    """Each function has the template's `app.handler`, with an event and a context."""
    assert template["Globals"]["Function"]["Handler"] == "app.handler"
    for name in NAMES:
        tree = ast.parse((root / "functions" / name / "app.py").read_text())
        handlers = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name == "handler"
        ]
        assert len(handlers) == 1, name
        assert [argument.arg for argument in handlers[0].args.args] == ["event", "context"], name
