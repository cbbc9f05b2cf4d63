"""The `flamebot` command: it runs a subcommand and turns errors into text and an exit status."""

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
    services,
    workflows,
)
from cli.failures import Exit, Failure
from cli.options import Commands
from cli.output import Output

_VERSION = "0.1.0"  # flamebot.version has it too; `--help` imports nothing of the engine
_EPILOG = """first steps, on this machine:
  flamebot dev                                    run the whole system until Ctrl-C
  flamebot import accounts.csv --type test        store accounts and start a workflow for each
  flamebot status                                 health, counts and lateness
  flamebot list --status failed                   which workflows failed, and why
  flamebot history acct-001 --follow              the steps of one workflow as they happen

to change what workflows do:
  flamebot definitions show default > mine.yaml   write a definition to a file, then edit it
  flamebot definitions validate mine.yaml         every error with its line and column
  flamebot definitions apply mine.yaml            publish it; running workflows keep their version

Commands use the API of --api-url, of a profile, of FLAMEBOT_API_URL with FLAMEBOT_TOKEN, or of the
local stack in this directory. `flamebot COMMAND --help` has examples for each command.

exit status: 0 success, 1 failure, 2 wrong usage, 3 not found, 4 no or insufficient permission,
5 conflict, 6 partly done, 7 unhealthy (status --check), 130 interrupted"""


def parser() -> argparse.ArgumentParser:
    """Return the parser with every command and its options."""
    top = argparse.ArgumentParser(
        prog="flamebot",
        description="Import accounts, and watch and control their workflows.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"flamebot {_VERSION}")
    commands = Commands(top.add_subparsers(title="commands", metavar="COMMAND", required=True))
    for module in (
        local,
        import_accounts,
        file_imports,
        engine,
        services,
        workflows,
        control,
        definitions,
    ):
        module.add(commands)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit status."""
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
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.OK)
    except Exception as error:
        if args.debug:
            raise
        why = (
            f"{type(error).__name__}: a defect of the command, or a response of the API in an"
            " unknown form."
        )
        output.failure(
            Failure("The command failed", why, "Run it with --debug and report the output.")
        )
        return int(Exit.FAILURE)


if __name__ == "__main__":
    raise SystemExit(main())
