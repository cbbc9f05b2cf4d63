"""Texts without a service, put together from the templates of their kind."""

from __future__ import annotations

from flamebot.domain.action import TextBrief
from flamebot.domain.task_random import TaskRandom
from flamebot.ports.writer import Written


class TemplateWriter:
    """The default writer: offline, and deterministic by the seed of the brief."""

    def write(self, brief: TextBrief) -> Written:
        """Return a text, which costs no tokens. A text that is too long loses its last parts.

        The issues of rejected texts change nothing: the seed of the next attempt is another one.
        """
        random, templates = TaskRandom(brief.seed), brief.kind.templates
        opening, body, closing = (
            part[random.integer(0, len(part) - 1, "text", brief.kind.name, index)]
            for index, part in enumerate((templates.openings, templates.bodies, templates.closings))
        )
        first = templates.first.format(opening=opening, body=body)
        for text in (f"{first} {closing}", first, closing, opening):
            if len(text) <= brief.max_length:
                return Written(text=text)
        return Written(text=opening[: brief.max_length].rstrip())
