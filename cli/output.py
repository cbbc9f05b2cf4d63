"""Output of commands: data to standard output, notes and errors to standard error."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

from cli.failures import Failure

_COLOURS: Final = {
    "active": "32",
    "completed": "32",
    "ok": "32",
    "paused": "33",
    "held": "33",
    "stopping": "33",
    "retried": "33",
    "degraded": "31",
    "failed": "31",
    "rejected": "31",
    "stopped": "90",
    "skipped": "90",
    "cancelled": "90",
}
_QUIET_SECONDS: Final = 10.0  # between two lines of progress without a terminal


def printable(value: object) -> str:
    """Return a value as one line, with control characters replaced by question marks."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else "?" for c in text.replace("\n", " "))


def moment(at: str | None) -> str:
    """Return a time of the API to the second, in UTC."""
    return "-" if at is None else at[:19].replace("T", " ") + "Z"


def length(milliseconds: int) -> str:
    """Return a duration for people, in its largest unit that leaves a whole number or two."""
    seconds = milliseconds / 1000
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def times(number: int) -> str:
    """Return how often something happened, for people."""
    return "once" if number == 1 else f"{number} times"


class Output:
    """How this run of a command prints."""

    def __init__(self, *, as_json: bool = False, colour: bool | None = None) -> None:
        """Use colours on a terminal, unless NO_COLOR is set or the terminal is dumb."""
        self.as_json = as_json
        self._colour = _wants_colour(sys.stdout) if colour is None else colour
        self._printed_at = time.monotonic()
        self._in_place = False

    @classmethod
    def of(cls, args: argparse.Namespace) -> Output:
        """Return the output that the options ask for."""
        return cls(
            as_json=getattr(args, "json", False),
            colour=False if getattr(args, "no_color", False) else None,
        )

    def json(self, value: object) -> None:
        """Print a document for programs."""
        print(json.dumps(value, indent=2, ensure_ascii=False))

    def json_line(self, value: object) -> None:
        """Print one document of a stream, on one line."""
        print(json.dumps(value, ensure_ascii=False), flush=True)

    def line(self, text: str = "") -> None:
        """Print a line of data on standard output."""
        print(text)

    def note(self, text: str) -> None:
        """Print a line about the data to standard error."""
        self.end_progress()
        print(text, file=sys.stderr)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print columns as wide as their content; a terminal's edge cuts the last one."""
        cells = [[printable(value) for value in row] for row in rows]
        widths = [
            max(len(row[column]) for row in [list(head), *cells]) for column in range(len(head))
        ]
        space = _width(sys.stdout) - sum(width + 2 for width in widths[:-1])
        for number, row in enumerate([list(head), *cells]):
            last = (
                row[-1] if len(row[-1]) <= space or space < 8 else row[-1][: space - 1] + "\u2026"
            )
            padded = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
            shown = [
                self._paint("1", cell) if number == 0 else self.paint(cell)
                for cell in [*padded, last]
            ]
            print("  ".join(shown).rstrip())

    def fields(self, pairs: Mapping[str, object]) -> None:
        """Print names and values, one pair per line."""
        width = max(len(name) for name in pairs)
        for name, value in pairs.items():
            print(f"{name.ljust(width)}  {self.paint(printable(value))}")

    def paint(self, text: str) -> str:
        """Return a status word in its colour."""
        return self._paint(_COLOURS.get(text.strip(), ""), text)

    def progress(self, text: str) -> None:
        """Print progress: in place on a terminal, else one line every ten seconds."""
        if _is_terminal(sys.stderr):
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            self._in_place = True
        elif time.monotonic() - self._printed_at >= _QUIET_SECONDS:
            print(text, file=sys.stderr, flush=True)
            self._printed_at = time.monotonic()

    def end_progress(self) -> None:
        """End the line that shows progress."""
        if self._in_place:
            print(file=sys.stderr)
            self._in_place = False

    def failure(self, failure: Failure) -> None:
        """Print a failure: what, why and next."""
        self.end_progress()
        if self.as_json:
            print(json.dumps(failure.to_json(), indent=2, ensure_ascii=False), file=sys.stderr)
            return
        for line in failure.lines():
            print(printable(line), file=sys.stderr)

    def _paint(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if colour and self._colour else text


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _wants_colour(stream: TextIO) -> bool:
    return _is_terminal(stream) and not os.environ.get("NO_COLOR")


def _width(stream: TextIO) -> int:
    """Return the terminal's columns; without a terminal nothing is cut."""
    if not stream.isatty():
        return sys.maxsize
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 120


def choose(items: Mapping[str, Any], *names: str) -> list[Any]:
    """Return the named values of an object, in order."""
    return [items.get(name) for name in names]
