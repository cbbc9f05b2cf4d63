"""Files with a workflow definition in YAML or JSON, and the position of a JSON pointer in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from cli.failures import Exit, Failure

if TYPE_CHECKING:
    import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionFile:
    """A definition and its YAML tree, which knows lines and columns."""

    path: Path
    document: Any
    root: yaml.Node

    def position(self, pointer: str) -> str:
        """Return `file:line:column` of a pointer, or of its nearest existing parent."""
        node = self.root
        for part in pointer.split("/")[1:]:
            inner = _child(node, part.replace("~1", "/").replace("~0", "~"))
            if inner is None:
                break
            node = inner
        return f"{self.path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def read(path: Path) -> DefinitionFile:
    """Read a definition; JSON is valid YAML. Raises `Failure`."""
    import yaml  # imported here, because most commands do without it

    try:
        text = path.read_text(encoding="utf-8-sig")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except OSError as error:
        _unreadable(path, error.strerror or "The file cannot be opened.")
    except UnicodeDecodeError:
        _unreadable(path, "The file is not in UTF-8.")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        _unreadable(path, f"The file is neither YAML nor JSON: {problem}{where}.")
    if root is None or not isinstance(document, dict):
        _unreadable(path, "It contains no definition: an object with type, name and steps.")
    _reject_duplicate_names(path, root)
    return DefinitionFile(path=path, document=document, root=root)


def write(document: dict[str, Any]) -> str:
    """Return a definition as YAML, in the order of its fields."""
    import yaml

    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _child(node: yaml.Node, part: str) -> yaml.Node | None:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return node.value[int(part)] if part.isdecimal() and int(part) < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    return None


def _reject_duplicate_names(path: Path, root: yaml.Node) -> None:
    """Fail if a mapping has a name twice: YAML would silently keep the last value only."""
    import yaml

    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            names = set[str]()
            for key, value in node.value:
                if str(key.value) in names:
                    _unreadable(
                        path, f"Line {key.start_mark.line + 1} repeats the name {key.value!r}."
                    )
                names.add(str(key.value))
                waiting.append(value)


def _unreadable(path: Path, why: str) -> NoReturn:
    raise Failure(f"{path} cannot be read", why, None, Exit.USAGE) from None
