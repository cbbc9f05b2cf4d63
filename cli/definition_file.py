"""Files with a workflow definition, in YAML or JSON, for the commands of `definitions`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.failures import Exit, Failure

if TYPE_CHECKING:
    from flamebot.adapters.definition_files import reader


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionFile:
    """A definition, and the file that says where each part of it stands."""

    path: Path
    content: reader.DefinitionFile

    @property
    def document(self) -> dict[str, Any]:
        """The definition, as the API takes it."""
        return self.content.document

    def position(self, pointer: str) -> str:
        """Return `file:line:column` of a JSON pointer, or of its nearest existing parent."""
        return f"{self.path}:{self.content.position(pointer)}"


def read(path: Path) -> DefinitionFile:
    """Read a definition. Raises `Failure`, with a position for each issue."""
    # Imported here, because most commands do without YAML.
    from flamebot.adapters.definition_files.reader import read_definition_file
    from flamebot.adapters.definition_files.tree import Unreadable

    what = f"{path} cannot be read"
    try:
        return DefinitionFile(path=path, content=read_definition_file(path))
    except OSError as error:
        why = error.strerror or "The file cannot be opened."
        raise Failure(what, why, None, Exit.USAGE) from None
    except Unreadable as error:
        issues = [
            {
                "pointer": issue.pointer,
                "position": f"{path}:{issue.position}",
                "detail": issue.detail,
            }
            for issue in error.issues
        ]
    raise Failure(what, "The file has these issues:", None, Exit.USAGE, errors=issues)


def write(document: dict[str, Any]) -> str:
    """Return a definition as YAML, in the order of its fields."""
    from flamebot.adapters.definition_files.writer import write_yaml

    return write_yaml(document)
