"""`flamebot dev` and `flamebot token`: commands for the local stack."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from cli import target
from cli.client import Api
from cli.failures import Exit, Failure
from cli.options import Commands
from cli.output import Output


def add(commands: Commands) -> None:
    """Add the commands to the command line.

    `dev` is added for the list of commands only: `devstack.main` parses its options.
    """
    commands.add(
        "dev",
        run_dev,
        "run the whole system on this machine until Ctrl-C (options: `flamebot dev --help`)",
    )
    parser = commands.add(
        "token",
        run_token,
        "print a token for the local stack",
        "examples:\n  flamebot token                                  every scope\n"
        "  flamebot token --scope read                     read-only\n"
        "  FLAMEBOT_TOKEN=$(flamebot token --scope read) flamebot list",
    )
    parser.add_argument(
        "--scope", action="append", metavar="S", help="a scope; may be repeated (default: all)"
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="the stack's data directory (default: found from the current directory)",
    )


def dev(argv: list[str]) -> int:
    """Run the local stack and return its exit status."""
    from devstack.main import main  # imported here, because the stack loads many packages

    return main(argv)


def run_dev(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:  # noqa: ARG001  # as every command
    """Fail: `main` runs `dev` before it parses options."""
    raise AssertionError("dev has options of its own")


def run_token(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:  # noqa: ARG001  # as every command
    """Print a token signed with the stack's key."""
    from devstack import tokens  # imported here, because only this command needs cryptography

    what = "No token was created"
    folder = args.data_dir or _data_dir()
    if folder is None or not folder.is_dir():
        raise Failure(
            what,
            "No local stack is running here.",
            "Start it with `flamebot dev`, or pass its directory with --data-dir.",
            Exit.NOT_FOUND,
        )
    try:
        token = tokens.mint(folder, args.scope or tokens.SCOPES)
    except ValueError as error:
        raise Failure(
            what, f"{error}.", "`flamebot token` without --scope has every scope.", Exit.USAGE
        ) from None
    if output.as_json:
        output.json({"token": token, "scopes": list(args.scope or tokens.SCOPES)})
    else:
        output.line(token)
    return Exit.OK


def _data_dir() -> Path | None:
    found = target.stack_file()
    return found.parent if found else None
