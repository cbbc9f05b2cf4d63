"""A mutant: one guard of the protocol, and the tests that fail without it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

Edit = tuple[str, str]
# A mark in the source; several guards of one line are separated by commas.
MARK = re.compile(r"(?:#|--) guard: ([a-z0-9-]+(?:, [a-z0-9-]+)*)")


class DoesNotApply(Exception):
    """The guard is no longer where the catalogue says: it moved, changed, or is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One deleted guard.

    `guard` names the mark in the source that the edit is anchored to: a comment `guard: NAME` at
    the end of the guard's first line, or alone on the line above it. The old text is the first
    that matches from the marked line on, however it is broken into lines. Without a mark the old
    text stands exactly once in the file; so do the old texts of `also`.
    """

    name: str
    truth: (
        str  # what holds only because of the guard, with the invariant's number where there is one
    )
    file: str
    edits: tuple[Edit, ...]
    killers: tuple[str, ...]  # test ids, the most specific first
    guard: str | None = None
    may_hang: bool = False  # its tests may wait for ever without the guard

    def applied(self, text: str) -> str:
        """Return the file's text without the guard. Raises `DoesNotApply`."""
        for number, (old, new) in enumerate(self.edits):
            start = self._mark(text) if self.guard and number == 0 else 0
            found = list(_pattern(old).finditer(text, start))
            if not found or (start == 0 and len(found) > 1):
                raise DoesNotApply(
                    f"{self.name}: {self.file} holds {len(found)} times, not once: {old!r}"
                )
            if old == new:
                raise DoesNotApply(f"{self.name}: changes nothing")
            lead, tail = old[: len(old) - len(old.lstrip())], old[len(old.rstrip()) :]
            new = new.removeprefix(lead).removesuffix(tail)  # noqa: PLW2901  # its blanks stay
            text = text[: found[0].start()] + new + text[found[0].end() :]
        return text

    def _mark(self, text: str) -> int:
        """Return where the marked line begins."""
        marks = [m for m in MARK.finditer(text) if self.guard in re.split(r",\s*", m[1])]
        if len(marks) != 1:
            raise DoesNotApply(
                f"{self.name}: {self.file} has {len(marks)} marks, not one: guard: {self.guard}"
            )
        return text.rfind("\n", 0, marks[0].start()) + 1


_BLANK = r"(?:\s|(?:#|--) guard:[^\n]*)"  # where a line may be broken, and a mark may stand


def _pattern(old: str) -> re.Pattern[str]:
    """Match a text however it is broken into lines."""
    pattern = ""
    for part in re.findall(r"\s+|,|[(\[{]|[)\]}]|[^\s,()\[\]{}]+", old.strip()):
        if part.isspace():
            pattern += "" if pattern.endswith(f"{_BLANK}*") else f"{_BLANK}+"
        elif part in "([{":
            pattern += re.escape(part) + f"{_BLANK}*"
        elif part in ")]}":
            pattern = pattern.removesuffix(f"{_BLANK}+") + f",?{_BLANK}*" + re.escape(part)
        else:
            pattern += re.escape(part)
    return re.compile(pattern)


@dataclass(frozen=True, slots=True)
class Place:
    """A file whose guards are deleted, and the tests that are about it."""

    file: str
    tests: str = ""

    def __call__(
        self,
        name: str,
        truth: str,
        old: str,
        new: str,
        *killers: str,
        guard: str | None = None,
        also: tuple[Edit, ...] = (),
        may_hang: bool = False,
    ) -> Mutant:
        """A mutant of this file. A killer without a path is one of its tests."""
        return Mutant(
            name=name,
            truth=truth,
            file=self.file,
            edits=((old, new), *also),
            killers=tuple(
                killer if "::" in killer else f"{self.tests}::{killer}" for killer in killers
            ),
            guard=guard,
            may_hang=may_hang,
        )


def at(root: Path, mutant: Mutant) -> Path:
    """The mutant's file in a checkout or a copy of one."""
    return root / mutant.file
