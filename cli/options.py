"""Options that every command has, and types of option values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from cli.client import Api
from cli.failures import Exit
from cli.output import Output

Run = Callable[[argparse.Namespace, Callable[[], Api], Output], Exit]


class Commands:
    """Adds commands that share options and the form of their help."""

    def __init__(self, parsers: Any) -> None:  # noqa: ANN401  # the type of argparse's subparsers is private
        """Take the result of `add_subparsers`."""
        self._parsers = parsers

    def add(self, name: str, run: Run, summary: str, examples: str = "") -> argparse.ArgumentParser:
        """Add a command and return its parser.

        `run` gets the parsed options, a function that returns the API, and the output.
        """
        parser: argparse.ArgumentParser = self._parsers.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        parser.set_defaults(run=run)
        group = parser.add_argument_group("common options")
        group.add_argument(
            "--json",
            action="store_true",
            help="print JSON for programs; tables may change, JSON does not",
        )
        group.add_argument(
            "--api-url",
            metavar="URL",
            help="the API (FLAMEBOT_API_URL); the token is FLAMEBOT_TOKEN",
        )
        group.add_argument(
            "--profile",
            metavar="NAME",
            help="a profile in ~/.config/flamebot/config.toml (FLAMEBOT_PROFILE)",
        )
        group.add_argument(
            "--timeout",
            type=seconds,
            default=35.0,
            metavar="SECONDS",
            help="how long to wait for a response (default: 35)",
        )
        group.add_argument(
            "--no-color", action="store_true", help="print without colours (NO_COLOR)"
        )
        group.add_argument(
            "--debug", action="store_true", help="show the traceback of an unexpected error"
        )
        return parser

    def group(self, name: str, summary: str) -> Commands:
        """Add a command that has commands of its own."""
        parser = self._parsers.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            allow_abbrev=False,
        )
        return Commands(parser.add_subparsers(title="commands", metavar="COMMAND", required=True))


def seconds(text: str) -> float:
    """Parse a positive number of seconds."""
    value = float(text)
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError("must be between 0 and 86400")
    return value


def count(text: str) -> int:
    """Parse a positive whole number."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def duration(text: str) -> int:
    """Parse a duration such as `15m` into whole seconds."""
    from flamebot.domain.duration import (
        parse_duration,
    )  # imported here, because one option needs it

    try:
        return int(parse_duration(text).total_seconds())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
