"""The registry: every action of this package. A new one is a new file; nothing else is edited."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Final

import flamebot.actions
from flamebot.actions.kind import Kind, registered

REGISTRY: Final[Mapping[str, Kind]] = registered()

for _module in pkgutil.iter_modules(flamebot.actions.__path__, "flamebot.actions."):
    importlib.import_module(_module.name)
