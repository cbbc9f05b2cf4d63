"""A mutant: one guard of the protocol, and the tests that fail without it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

Edit = tuple[str, str]


class DoesNotApply(Exception):
    """The guard is no longer where the catalogue says: it moved, changed, or is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One deleted guard.

    Each edit's old text stands exactly once in the file, so that a change that moves a guard has to move its mutant too.
    """

    name: str
    truth: (
        str  # what holds only because of the guard, with the invariant's number where there is one
    )
    file: str
    edits: tuple[Edit, ...]
    killers: tuple[str, ...]  # test ids, the most specific first
    may_hang: bool = False  # its tests may wait for ever without the guard; any other mutant that hangs has survived

    def applied(self, text: str) -> str:
        """The file's text without the guard. Raises `DoesNotApply`."""
        for old, new in self.edits:
            found = list(_pattern(old).finditer(text))
            if len(found) != 1:
                raise DoesNotApply(
                    f"{self.name}: {self.file} holds {len(found)} times, not once: {old!r}"
                )
            if old == new:
                raise DoesNotApply(f"{self.name}: changes nothing")
            lead, tail = old[: len(old) - len(old.lstrip())], old[len(old.rstrip()) :]
            new = new.removeprefix(lead).removesuffix(tail)
            text = text[: found[0].start()] + new + text[found[0].end() :]
        return text


def _pattern(old: str) -> re.Pattern[str]:
    """Matches the text however it is broken into lines."""
    parts = re.findall(r"\s+|,|[(\[{]|[)\]}]|[^\s,()\[\]{}]+", old.strip())
    pattern = ""
    for part in parts:
        if part.isspace():
            pattern += r"\s+" if pattern and not pattern.endswith(r"\s*") else ""
        elif part in "([{":
            pattern += re.escape(part) + r"\s*"
        elif part in ")]}":
            pattern = pattern.removesuffix(r"\s+") + r",?\s*" + re.escape(part)
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
            may_hang=may_hang,
        )


def at(root: Path, mutant: Mutant) -> Path:
    """The mutant's file in a checkout or a copy of one."""
    return root / mutant.file
