"""Kinds of steps: how a class of this package becomes an action that definitions may use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from flamebot.actions.issues import step_issues
from flamebot.actions.step_fields import StepFields
from flamebot.domain.action import EffectAction, PureAction
from flamebot.domain.endpoint import ActionEndpoint
from flamebot.domain.errors import ValidationIssue
from flamebot.domain.step import EffectStep, PureStep, Step

_NO_TIMEOUT = timedelta()  # a pure step has no effect that could time out

P = TypeVar("P", bound=PureAction)
E = TypeVar("E", bound=EffectAction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(ABC):
    """One action: its name, the model of its steps, and the factory of their behaviour."""

    name: str
    fields: type[StepFields]

    def bind(
        self, fields: Mapping[str, object], *, published: bool = False
    ) -> tuple[Step | None, list[ValidationIssue]]:
        """Read a step as a definition writes it.

        Args:
            fields: The members of the step.
            published: The step belongs to a published definition: its texts were checked when it
                was published, and newer rules are not applied.

        Returns:
            The step and no issues, or None and every issue; pointers start at the step.
        """
        # Before the model reads the fields, so that the author gets the issues of both at once.
        issues = self.fields.contradictions(fields)
        try:
            config = self.fields.model_validate(fields, context={"published": published})
        except ValidationError as error:
            names = (field.alias or name for name, field in self.fields.model_fields.items())
            return None, [*step_issues(error, names, fields), *issues]
        return (None, issues) if issues else (self._step(config), [])

    @abstractmethod
    def _step(self, config: StepFields) -> Step: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PureKind(Kind):
    """An action without an effect."""

    behave: Callable[[Any], PureAction]  # its argument is an instance of `fields`
    critical: bool

    def _step(self, config: StepFields) -> PureStep:
        return PureStep(
            id=config.id,
            action=self.name,
            behaviour=self.behave(config),
            delay=config.delay,
            critical=self.critical if config.critical is None else config.critical,
            timeout=config.timeout or _NO_TIMEOUT,
            max_attempts=config.max_attempts,
            description=config.description,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectKind(Kind):
    """An action that writes at an endpoint of the actions service."""

    behave: Callable[[Any], EffectAction]  # its argument is an instance of `fields`
    timeout: timedelta
    endpoint: ActionEndpoint

    def _step(self, config: StepFields) -> EffectStep:
        return EffectStep(
            id=config.id,
            action=self.name,
            behaviour=self.behave(config),
            delay=config.delay,
            # By default later steps rely on the effect, so its failure fails the workflow.
            critical=True if config.critical is None else config.critical,
            timeout=config.timeout or self.timeout,
            max_attempts=config.max_attempts,
            description=config.description,
        )


_KINDS: dict[str, Kind] = {}


def registered() -> Mapping[str, Kind]:
    """Return a view of the actions whose files have been imported.

    `registry.REGISTRY` imports all of them.
    """
    return MappingProxyType(_KINDS)


def pure_action(
    name: str, fields: type[StepFields], *, critical: bool = False
) -> Callable[[type[P]], type[P]]:
    """Register a class without an effect under an action's name.

    Args:
        name: The name that definitions use.
        fields: The model of the action's steps. The class is constructed with an instance of it.
        critical: Whether the failure of a step fails the workflow, unless the step says otherwise.

    Raises:
        ValueError: The name is taken.
    """

    def register(cls: type[P]) -> type[P]:
        _add(PureKind(name=name, fields=fields, behave=cls, critical=critical))
        return cls

    return register


def effect_action(name: str, fields: type[StepFields]) -> Callable[[type[E]], type[E]]:
    """Register a class that acts on the account under an action's name.

    Args:
        name: The name that definitions use.
        fields: The model of the action's steps. The class is constructed with an instance of it.

    Raises:
        ValueError: The name is taken.
    """

    def register(cls: type[E]) -> type[E]:
        _add(
            EffectKind(
                name=name,
                fields=fields,
                behave=cls,
                timeout=cls.default_timeout,
                endpoint=cls.endpoint,
            )
        )
        return cls

    return register


def _add(kind: Kind) -> None:
    if kind.name in _KINDS:
        raise ValueError(f"two actions are called {kind.name}")
    _KINDS[kind.name] = kind
