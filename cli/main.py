"""The `flamebot` command: finds the command, runs it, turns what goes wrong into words and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack, closing
from functools import cache

from cli import target
from cli.client import Api
from cli.commands import (
    control,
    definitions,
    engine,
    file_imports,
    import_accounts,
    local,
    workflows,
)
from cli.failures import Exit, Failure
from cli.options import Commands
from cli.output import Output

_VERSION = "0.1.0"
_EPILOG = """first steps:
  flamebot dev                          the whole system on this machine
  flamebot import accounts.csv          store accounts, start their workflows
  flamebot status                       how it goes
  flamebot history acct-001 --follow    what one of them does

Commands talk to FLAMEBOT_API_URL with FLAMEBOT_TOKEN, to a profile, or to the local stack of this directory.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not allowed in, 5 conflict, 6 done in part,
7 unhealthy (status --check), 130 interrupted."""


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    top = argparse.ArgumentParser(
        prog="flamebot",
        description="Operate Flamebot workflows.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"flamebot {_VERSION}")
    commands = Commands(top.add_subparsers(title="commands", metavar="COMMAND", required=True))
    for module in (local, import_accounts, file_imports, engine, workflows, control, definitions):
        module.add(commands)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run a command and answer its exit code."""
    given = sys.argv[1:] if argv is None else argv
    if given[:1] == ["dev"]:
        return local.dev(given[1:])
    args = parser().parse_args(given)
    output = Output.of(args)
    try:
        with ExitStack() as opened:
            api = cache(
                lambda: opened.enter_context(closing(Api(target.find(args), timeout=args.timeout)))
            )
            return int(args.run(args, api, output))
    except Failure as failure:
        output.failure(failure)
        return int(failure.exit)
    except KeyboardInterrupt:
        output.end_progress()
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.OK)
    except Exception as error:
        if args.debug:
            raise
        why = f"{type(error).__name__}: this is a fault of the command itself, or the API answered in a form that it does not know."
        output.failure(
            Failure(
                "The command broke off", why, "Run it again with --debug and report what it shows."
            )
        )
        return int(Exit.FAILURE)


if __name__ == "__main__":
    raise SystemExit(main())
