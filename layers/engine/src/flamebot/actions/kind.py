"""Kinds of steps: how a class of this package becomes an action that definitions may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from flamebot.actions.step_fields import StepFields
from flamebot.actions.step_issues import step_issues
from flamebot.domain.action import Action, EffectAction, PureAction
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.step import Step

_PURE_TIMEOUT = timedelta()  # a step without an effect has nothing to time out


P = TypeVar("P", bound=PureAction)
E = TypeVar("E", bound=EffectAction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One action: its name, the model of its steps, and what a step of it does."""

    name: str
    fields: type[StepFields]
    behave: Callable[[Any], Action]  # takes what `fields` read
    pure: bool
    critical: bool
    timeout: timedelta

    def bind(
        self, fields: Mapping[str, object], *, published: bool = False
    ) -> tuple[Step | None, list[ValidationIssue]]:
        """Read a step; the step, or everything that is wrong with it, pointers from the step on.

        `published`: its texts were judged when it was published; rules that came later do not touch it.
        """
        issues = self.fields.contradictions(fields)
        try:
            config = self.fields.model_validate(fields, context={"published": published})
        except ValidationError as error:
            names = (field.alias or name for name, field in self.fields.model_fields.items())
            return None, [*step_issues(error, names), *issues]
        if issues:
            return None, issues
        step = Step(
            id=config.id,
            action=self.name,
            behaviour=self.behave(config),
            pure=self.pure,
            delay=config.delay,
            critical=self.critical if config.critical is None else config.critical,
            timeout=config.timeout or self.timeout,
            max_attempts=config.max_attempts,
            description=config.description,
        )
        return step, []


_KINDS: dict[str, Kind] = {}


def registered() -> Mapping[str, Kind]:
    """A view of the actions whose files have been imported; `registry.REGISTRY` imports them all."""
    return MappingProxyType(_KINDS)


def pure_action(
    name: str, fields: type[StepFields], *, critical: bool = False
) -> Callable[[type[P]], type[P]]:
    """Register a class without an effect under an action's name. Its constructor takes the `fields` of a step."""

    def register(cls: type[P]) -> type[P]:
        _add(
            Kind(
                name=name,
                fields=fields,
                behave=cls,
                pure=True,
                critical=critical,
                timeout=_PURE_TIMEOUT,
            )
        )
        return cls

    return register


def effect_action(name: str, fields: type[StepFields]) -> Callable[[type[E]], type[E]]:
    """Register a class that acts on the account. Its constructor takes the `fields` of a step."""

    def register(cls: type[E]) -> type[E]:
        _add(
            Kind(
                name=name,
                fields=fields,
                behave=cls,
                pure=False,
                critical=True,
                timeout=cls.default_timeout,
            )
        )
        return cls

    return register


def _add(kind: Kind) -> None:
    if kind.name in _KINDS:
        raise ValueError(f"two actions are called {kind.name}")
    _KINDS[kind.name] = kind
