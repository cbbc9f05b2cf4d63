"""The registry of actions: a new action is a new file of this package, and no other change."""

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
    # The actions are imported at the first access: most invocations of the tick need none, and
    # pydantic is a large part of a cold start.
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
