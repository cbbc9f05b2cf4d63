"""Kinds of generated texts: instructions for the AI service, limits and offline templates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTemplates:
    """Parts of the offline texts: one opening, one body and one closing make a text.

    `first` combines opening and body. The closing follows after a space.
    """

    openings: tuple[str, ...]
    bodies: tuple[str, ...]
    closings: tuple[str, ...]
    first: str = "{opening} {body}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextKind:
    """A kind of text, declared in the file of the action that needs it.

    Raises:
        ValueError: No writer could write it: the name, the instructions or the parts of the
            templates are missing, or the limit is below one character.
    """

    name: str  # as in "bio"; part of the seed of the offline texts
    instructions: str  # the task for the AI service, one sentence; rules and limit are added
    max_length: int  # characters; the actions service's limit
    templates: TextTemplates

    def __post_init__(self) -> None:
        """Refuse a kind that no writer could write, when its file is imported."""
        parts = (self.templates.openings, self.templates.bodies, self.templates.closings)
        if not (self.name and self.instructions.strip()):
            raise ValueError(f"text kind {self.name!r}: it has no name or no instructions")
        if not all(part and all(part) for part in parts):
            raise ValueError(f"text kind {self.name!r}: an opening, body or closing is missing")
        if self.max_length < 1:
            raise ValueError(f"text kind {self.name!r}: the limit is below one character")
