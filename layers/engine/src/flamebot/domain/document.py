"""Read a definition as authors write it, and report all its issues at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from flamebot.domain.backoff import EnginePolicy, RetryPolicy
from flamebot.domain.definition import Definition, Registry
from flamebot.domain.duration import parse_duration
from flamebot.domain.errors import Invalid, ValidationIssue
from flamebot.domain.graph import Node, graph_issues
from flamebot.domain.ids import DefinitionId
from flamebot.domain.numbers import whole_number
from flamebot.domain.pointers import pointer
from flamebot.domain.step import EffectStep, Step
from flamebot.domain.storable import size, unstorable

MOST_STEPS = 200
LARGEST = 256 * 1024  # bytes of JSON
TYPE_PATTERN = "^[a-z0-9_]{1,64}$"
LONGEST_NAME = 200
LONGEST_DESCRIPTION = 2000
MOST_RETRIES = 99
MEMBERS = ("type", "name", "description", "config", "steps")
CONFIG_MEMBERS = ("maxRetries", "retryBackoffMs", "maxRetryDelayMs", "quietHours", "dailyCaps")
# Planned members. They are refused, not ignored: an author who writes them relies on them.
NOT_SUPPORTED = ("quietHours", "dailyCaps")


def read_definition(
    document: object, registry: Registry, policy: EnginePolicy
) -> tuple[Definition | None, list[ValidationIssue]]:
    """Read and validate a definition that is to be published.

    Returns:
        The definition and no issues, or None and every issue. Its version and row id are 0: they
        are assigned when it is stored.
    """
    issues = unstorable(document)
    if issues:
        return None, issues
    if not isinstance(document, Mapping):
        return None, [ValidationIssue("", "A definition is an object.")]
    if size(document) > LARGEST:
        return None, [
            ValidationIssue("", f"A definition has at most {LARGEST // 1024} KB of JSON.")
        ]
    reader = _Reader(document, registry, policy)
    definition = reader.read(version=0, definition_id=DefinitionId(0))
    reader.check_graph()
    return (None, reader.issues) if reader.issues else (definition, [])


def bind_definition(
    document: Mapping[str, Any],
    registry: Registry,
    policy: EnginePolicy,
    definition_id: DefinitionId,
) -> Definition:
    """Bind a stored version to its actions.

    Rules that are newer than the version are not applied: a published definition stays valid.

    Raises:
        Invalid: An action or a field that it uses no longer exists.
    """
    reader = _Reader(
        {name: document.get(name) for name in MEMBERS if document.get(name) is not None},
        registry,
        policy,
        published=True,
    )
    definition = reader.read(version=int(document["version"]), definition_id=definition_id)
    if definition is None:
        raise Invalid(
            reader.issues,
            f"Version {document['version']} of {document['type']} can no longer be read.",
        )
    return definition


class _Reader:
    def __init__(
        self,
        document: Mapping[str, Any],
        registry: Registry,
        policy: EnginePolicy,
        *,
        published: bool = False,
    ) -> None:
        self.issues: list[ValidationIssue] = []
        self._document = document
        self._registry = registry
        self._policy = policy
        self._published = published
        self._nodes: list[Node] = []

    def read(self, *, version: int, definition_id: DefinitionId) -> Definition | None:
        self._known_members(self._document, MEMBERS)
        type_ = self._text("type", LONGEST_NAME)
        if type_ is not None and not re.fullmatch(TYPE_PATTERN, type_):
            self._issue("A type is 1 to 64 lower-case letters, digits and underscores.", "type")
        name = self._text("name", LONGEST_NAME)
        description = self._text("description", LONGEST_DESCRIPTION, default="")
        retry = self._retry()
        steps = self._steps()
        if self.issues:
            return None
        # Each of these is None only with an issue.
        assert type_ is not None and name is not None  # noqa: PT018  # one fact
        assert description is not None and retry is not None  # noqa: PT018  # one fact
        return Definition(
            definition_id=definition_id,
            type=type_,
            version=version,
            name=name,
            description=description,
            steps=steps,
            retry=retry,
            max_reclaims=self._policy.max_reclaims,
            cancel_attempts=self._policy.max_attempts,
        )

    def check_graph(self) -> None:
        self.issues.extend(graph_issues(self._nodes))

    def _steps(self) -> tuple[Step, ...]:
        given = self._document.get("steps")
        if not isinstance(given, list) or not 1 <= len(given) <= MOST_STEPS:
            self._issue(f"A definition has a list of 1 to {MOST_STEPS} steps.", "steps")
            return ()
        steps = []
        ids: dict[str, int] = {}
        # A step that cannot be read is a node of the graph all the same, and its id counts: one
        # mistake must not make other steps look unreachable.
        for index, fields in enumerate(given):
            step = self._step(index, fields)
            step_id = fields.get("id") if isinstance(fields, Mapping) else None
            if isinstance(step_id, str):
                if step_id in ids:
                    self._issue(
                        f"Step {ids[step_id] + 1} has the same id. Ids are unique in a definition.",
                        "steps",
                        index,
                        "id",
                    )
                ids.setdefault(step_id, index)
            self._nodes.append(_node(step, step_id, fields))
            if step:
                steps.append(step)
        return tuple(steps)

    def _step(self, index: int, fields: object) -> Step | None:
        if not isinstance(fields, Mapping):
            self._issue("A step is an object.", "steps", index)
            return None
        action = fields.get("action")
        kind = self._registry.get(action) if isinstance(action, str) else None
        if kind is None:
            what = "There is no such action." if "action" in fields else "This field is required."
            advice = (
                _near(action, self._registry) or f"Actions: {', '.join(sorted(self._registry))}."
            )
            self._issue(f"{what} {advice}", "steps", index, "action")
            return None
        step, issues = kind.bind(fields, published=self._published)
        prefix = pointer("steps", index)
        self.issues.extend(
            ValidationIssue(prefix + issue.pointer, issue.detail) for issue in issues
        )
        return step

    def _retry(self) -> RetryPolicy | None:
        config = self._document.get("config", {})
        if not isinstance(config, Mapping):
            self._issue("The configuration is an object.", "config")
            return None
        self._known_members(config, CONFIG_MEMBERS, "config")
        for name in NOT_SUPPORTED:
            if name in config:
                self._issue(
                    "not_supported: the engine does not enforce this yet. Remove it.",
                    "config",
                    name,
                )
        retries = whole_number(config.get("maxRetries", self._policy.max_attempts - 1))
        if retries is None or not 0 <= retries <= MOST_RETRIES:
            self._issue(
                f"A whole number from 0 to {MOST_RETRIES}: the attempts after the first one.",
                "config",
                "maxRetries",
            )
            retries = 0
        base = self._duration(config, "retryBackoffMs", self._policy.retry_base)
        cap = self._duration(config, "maxRetryDelayMs", self._policy.retry_cap)
        return RetryPolicy(max_attempts=retries + 1, base=base, cap=cap)

    def _duration(self, config: Mapping[str, Any], name: str, default: timedelta) -> timedelta:
        try:
            return parse_duration(config[name]) if name in config else default
        except ValueError as error:
            self._issue(str(error), "config", name)
            return default

    def _text(self, name: str, longest: int, *, default: str | None = None) -> str | None:
        if name not in self._document and default is None:
            self._issue("This field is required.", name)
            return None
        value = self._document.get(name, default)
        least = 1 if default is None else 0
        if (
            isinstance(value, str)
            and least <= len(value) <= longest
            and (value.strip() or not least)
        ):
            return value
        self._issue(f"A text of {'1 to' if least else 'at most'} {longest} characters.", name)
        return None

    def _known_members(self, members: Mapping[str, Any], known: Iterable[str], *path: str) -> None:
        for name in members:
            if name not in known:
                advice = _near(name, known) or f"Fields: {', '.join(known)}."
                self._issue(f"There is no such field. {advice}", *path, name)

    def _issue(self, detail: str, *path: str | int) -> None:
        self.issues.append(ValidationIssue(pointer(*path), detail))


def _near(name: object, known: Iterable[str]) -> str | None:
    folded = {one.lower(): one for one in known}
    near = difflib.get_close_matches(str(name).lower(), folded, n=1)
    return f'Did you mean "{folded[near[0]]}"?' if near else None


def _node(step: Step | None, step_id: object, fields: object) -> Node:
    named = step_id if isinstance(step_id, str) else None
    if step is None:
        return Node(id=named, known=False, delayed=True)
    delayed = step.delay.min > timedelta()
    if isinstance(step, EffectStep):
        return Node(id=step.id, delayed=delayed)
    targets, falls_through = step.behaviour.targets()
    members = fields if isinstance(fields, Mapping) else {}
    field = next(
        (name for name, value in members.items() if name != "id" and value in targets), None
    )
    return Node(
        id=step.id, targets=targets, falls_through=falls_through, delayed=delayed, field=field
    )
