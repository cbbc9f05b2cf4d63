"""Files of workflow definitions: YAML or JSON, and where in them a JSON pointer points."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from cli.failures import Exit, Failure

if TYPE_CHECKING:
    import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionFile:
    """A definition, and the tree that it was read from."""

    path: Path
    document: Any
    root: yaml.Node

    def place(self, pointer: str) -> str:
        """`file:line:column` of what a pointer names; of the nearest thing around it if it names nothing."""
        node = self.root
        for part in pointer.split("/")[1:]:
            inner = _child(node, part.replace("~1", "/").replace("~0", "~"))
            if inner is None:
                break
            node = inner
        return f"{self.path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def read(path: Path) -> DefinitionFile:
    """Read a definition. JSON is YAML too. Raises `Failure`."""
    import yaml  # only where a file is read

    try:
        text = path.read_text(encoding="utf-8-sig")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except OSError as error:
        _unreadable(path, error.strerror or "It cannot be opened.")
    except UnicodeDecodeError:
        _unreadable(path, "It is not written in UTF-8.")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        _unreadable(
            path,
            f"It is neither YAML nor JSON: {getattr(error, 'problem', None) or type(error).__name__}{where}.",
        )
    if root is None or not isinstance(document, dict):
        _unreadable(path, "It holds no definition, which is an object with type, name and steps.")
    _refuse_doubles(path, root)
    return DefinitionFile(path=path, document=document, root=root)


def write(document: dict[str, Any]) -> str:
    """A definition as YAML, in the order in which people read it."""
    import yaml

    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _child(node: yaml.Node, part: str) -> yaml.Node | None:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return node.value[int(part)] if part.isdecimal() and int(part) < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    return None


def _refuse_doubles(path: Path, root: yaml.Node) -> None:
    """YAML keeps the last of two equal names and says nothing; a step would change without anybody having asked."""
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
                        path, f"Line {key.start_mark.line + 1} names {key.value!r} a second time."
                    )
                names.add(str(key.value))
                waiting.append(value)


def _unreadable(path: Path, why: str) -> NoReturn:
    raise Failure(f"{path} cannot be read", why, None, Exit.USAGE) from None
