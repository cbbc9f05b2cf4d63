"""The registry: every action of this package. A new one is a new file; nothing else is edited."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

import flamebot.actions

if TYPE_CHECKING:
    from flamebot.actions.kind import Kind


class _Registry(Mapping[str, "Kind"]):
    """Imports the actions when one is first asked for: a tick that takes nothing over pays for none."""

    def __getitem__(self, name: str) -> Kind:
        return _kinds()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_kinds())

    def __len__(self) -> int:
        return len(_kinds())


@cache
def _kinds() -> Mapping[str, Kind]:
    from flamebot.actions.kind import registered  # noqa: PLC0415  # as the others

    for module in pkgutil.iter_modules(flamebot.actions.__path__, "flamebot.actions."):
        importlib.import_module(module.name)
    return registered()


REGISTRY: Final[Mapping[str, Kind]] = _Registry()
