"""`flamebot dev` and `flamebot token`: the local stack."""

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
    """Tell argparse. `dev` is known here for the list of commands alone: its options are the local stack's own."""
    commands.add(
        "dev",
        run_dev,
        "run the whole system on this machine until Ctrl-C; `flamebot dev --help` lists its options",
    )
    parser = commands.add(
        "token",
        run_token,
        "print a token for the local stack",
        "examples:\n  flamebot token                                  with every scope\n"
        "  flamebot token --scope read                     that may only look\n"
        "  FLAMEBOT_TOKEN=$(flamebot token --scope read) flamebot list",
    )
    parser.add_argument(
        "--scope", action="append", metavar="S", help="a scope; may be given again (default: all)"
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="the stack's data directory (default: the one found from here)",
    )


def dev(argv: list[str]) -> int:
    """Run the local stack."""
    from devstack.main import main  # the stack loads much that no other command needs

    return main(argv)


def run_dev(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:  # noqa: ARG001  # as every command
    """Never reached: `main` hands `dev` over before options are read."""
    raise AssertionError("dev has options of its own")


def run_token(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:  # noqa: ARG001  # as every command
    """Make one with the stack's signing key."""
    from devstack import tokens  # cryptography, for this command alone

    what = "No token was made"
    folder = args.data_dir or _data_dir()
    if folder is None or not folder.is_dir():
        raise Failure(
            what,
            "There is no local stack here.",
            "Start it with `flamebot dev`, or name its directory with --data-dir.",
            Exit.NOT_FOUND,
        )
    try:
        token = tokens.mint(folder, args.scope or tokens.SCOPES)
    except ValueError as error:
        raise Failure(
            what, f"{error}.", "`flamebot token` without --scope carries all of them.", Exit.USAGE
        ) from None
    if output.as_json:
        output.json({"token": token, "scopes": list(args.scope or tokens.SCOPES)})
    else:
        output.line(token)
    return Exit.OK


def _data_dir() -> Path | None:
    found = target.stack_file()
    return found.parent if found else None
