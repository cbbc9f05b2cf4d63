"""Reads definition files: `*.json` as JSON, any other as YAML 1.2.

The command line and the deployment read files here. The HTTP API takes JSON only, and the same
document gives the same definition either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from flamebot.adapters.definition_files.json_reader import build_from_json
from flamebot.adapters.definition_files.tree import Builder, FileIssue, Node, Position, Unreadable
from flamebot.domain.errors import Invalid, ValidationIssue

LARGEST_FILE = 512 * 1024  # bytes; a definition has at most half of it, as JSON without blanks
_SUFFIXES = {".yaml", ".yml", ".json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionFile:
    """A definition and the tree of its file."""

    document: dict[str, Any]
    root: Node

    def position(self, pointer: str) -> Position:
        """Return the position of a JSON pointer, or of its nearest parent that exists."""
        return self.root.nearest(pointer).position


def read_definition_file(path: Path) -> DefinitionFile:
    """Read one file.

    Raises:
        OSError: The file cannot be opened.
        Unreadable: It holds no document that JSON could hold too; with every issue.
    """
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        _fail(f"A file with a definition has at most {LARGEST_FILE // 1024} KB.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace").removeprefix("\ufeff")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        _fail("The file is not in UTF-8.", Position(line, column))
    builder = Builder()
    if path.suffix.lower() == ".json":
        build_from_json(text, builder)
    else:
        from flamebot.adapters.definition_files.yaml_reader import build_from_yaml

        build_from_yaml(text, builder)
    if builder.issues:
        raise Unreadable(builder.issues)
    root = builder.root
    if root is None or not isinstance(root.value, dict):
        _fail("It contains no definition: an object with type, name and steps.")
    return DefinitionFile(document=root.value, root=root)


def read_definitions(folder: str | Path) -> list[dict[str, Any]]:
    """Return the documents of a folder in the order of their names, without subfolders.

    Raises:
        Invalid: A file cannot be read. The message has its path, line and column.
    """
    files = sorted(
        path for path in Path(folder).iterdir() if path.is_file() and path.suffix in _SUFFIXES
    )
    return [_document(path) for path in files]


def _document(path: Path) -> dict[str, Any]:
    try:
        return read_definition_file(path).document
    except Unreadable as error:
        issues = [ValidationIssue(issue.pointer, issue.detail) for issue in error.issues]
        found = "; ".join(f"{path}:{issue.position}: {issue.detail}" for issue in error.issues)
        raise Invalid(issues, f"A definition cannot be read: {found}") from None


def _fail(detail: str, position: Position | None = None) -> NoReturn:
    raise Unreadable(
        [FileIssue(position=position or Position(1, 1), pointer="", detail=detail)]
    ) from None
