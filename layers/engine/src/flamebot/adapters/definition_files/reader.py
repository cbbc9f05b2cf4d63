"""Reads the definitions of a folder, YAML or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_SUFFIXES = {".yaml", ".yml", ".json"}


def read_definitions(folder: str | Path) -> list[dict[str, Any]]:
    """Return the documents of a folder in the order of their names, without subfolders."""
    files = sorted(
        path for path in Path(folder).iterdir() if path.is_file() and path.suffix in _SUFFIXES
    )
    # JSON is a subset of YAML.
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
