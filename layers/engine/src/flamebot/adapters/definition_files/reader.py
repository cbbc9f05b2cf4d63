"""Reads a folder of definitions, YAML or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_SUFFIXES = {".yaml", ".yml", ".json"}


def read_definitions(folder: str | Path) -> list[dict[str, Any]]:
    """Every definition in a folder, by file name; a folder inside it is not looked at. JSON is YAML too."""
    files = sorted(
        path for path in Path(folder).iterdir() if path.is_file() and path.suffix in _SUFFIXES
    )
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
