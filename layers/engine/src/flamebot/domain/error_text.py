"""Errors as they are stored and shown: "code: detail" on one line."""

from __future__ import annotations

_LONGEST_ERROR = 500


def tidy(error: str) -> str:
    """Return an error as it is stored and shown: one line of at most 500 printable characters."""
    # Parts of it come from the services: a line break could forge a log line, Postgres refuses NUL.
    plain = "".join(character if character.isprintable() else " " for character in error)
    return plain if len(plain) <= _LONGEST_ERROR else plain[: _LONGEST_ERROR - 3] + "..."


def code_of(error: str) -> str:
    """Return the code of an error that is written as "code: detail"."""
    return error.partition(":")[0].strip()
