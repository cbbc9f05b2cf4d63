"""Writes definitions as YAML that versions 1.1 and 1.2 read alike."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

# Texts that YAML 1.2 takes for a number, and that PyYAML, for 1.1, would write without quotes.
_NUMBERS_OF_1_2: Final = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+)$"
)
_LINE_ENDS_OF_1_1: Final = re.compile("[\x85\u2028\u2029]")


class _Dumper(yaml.SafeDumper):
    """Quotes each text that either version would read as something else."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # PyYAML's signature
        """Write a value that occurs twice twice."""
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Write the line ends of 1.1, which are characters in 1.2, as escapes."""
        style = '"' if _LINE_ENDS_OF_1_1.search(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBERS_OF_1_2, list("-+.0123456789"))


def write_yaml(document: dict[str, Any]) -> str:
    """Return a definition as YAML, in the order of its fields."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
