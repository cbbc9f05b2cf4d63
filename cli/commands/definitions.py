"""`flamebot definitions`: list, show, validate and apply."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cli import definition_file
from cli.client import Api, segment
from cli.definition_file import DefinitionFile
from cli.failures import Exit, Failure
from cli.options import Commands, count
from cli.output import Output, moment, printable

# The fields of a definition's author; the others are added when it is published.
_FIELDS: Final = ("type", "name", "description", "config", "steps")
_FILE: Final = "YAML 1.2, or JSON if its name ends in .json"
_STAY: Final = """\
Workflows that run stay on the version that they started with, and no command
moves them to another one. To run an account by the new version, stop its
workflow and, once it is stopped, start another one. It begins at the first
step:
  flamebot stop acct-001
  flamebot start acct-001 --type default

"""


def add(commands: Commands) -> None:
    """Add the commands to the command line."""
    group = commands.group("definitions", "show, check and publish workflow definitions")
    group.add(
        "list",
        run_list,
        "list the current version of each definition",
        "examples:\n  flamebot definitions list",
    )
    parser = group.add(
        "show",
        run_show,
        "print a definition as YAML, to be edited and applied",
        "examples:\n  flamebot definitions show default > default.yaml\n"
        "  flamebot definitions show default --version 1",
    )
    parser.add_argument("type", metavar="TYPE")
    parser.add_argument(
        "--version", type=count, metavar="N", help="a version other than the current one"
    )
    parser = group.add(
        "validate",
        run_validate,
        "check a definition without publishing it: every error and warning, with its position",
        "examples:\n  flamebot definitions validate definitions/test.yaml",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help=_FILE)
    parser = group.add(
        "apply",
        run_apply,
        "publish a definition; running workflows keep their version",
        _STAY + "examples:\n  flamebot definitions apply default.yaml\n"
        "  flamebot definitions apply default.yaml --if-version 3\n"
        "  flamebot definitions apply default.yaml --dry-run",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help=_FILE)
    parser.add_argument(
        "--if-version",
        type=count,
        metavar="N",
        help="publish only if this is the current version (default: the one that is current now)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="check the file and print what would be published"
    )


def run_list(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:  # noqa: ARG001  # as every command
    """Print a table of definitions."""
    items = api().get("/v1/definitions", what="The definitions cannot be listed").body["items"]
    if output.as_json:
        output.json(items)
    else:
        rows = [
            [
                item["type"],
                f"v{item['version']}",
                str(item["totalSteps"]),
                _instances(item),
                item["name"],
            ]
            for item in items
        ]
        output.table(["TYPE", "VERSION", "STEPS", "WORKFLOWS", "NAME"], rows)
    return Exit.OK


def _instances(item: dict[str, Any]) -> str:
    return (
        ", ".join(f"{number:,} {status}" for status, number in item["instances"].items() if number)
        or "-"
    )


def run_show(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Print one definition as YAML or JSON."""
    path = f"/v1/definitions/{segment(args.type)}" + (
        f"/versions/{args.version}" if args.version else ""
    )
    definition = api().get(path, what=f"The definition {args.type} cannot be shown").body
    if output.as_json:
        output.json(definition)
    else:
        published = (
            f", published {moment(definition['createdAt'])}" if definition.get("createdAt") else ""
        )
        output.line(f"# version {definition['version']}{published}")
        output.line(
            definition_file.write(
                {name: definition[name] for name in _FIELDS if name in definition}
            ).rstrip()
        )
    return Exit.OK


def run_validate(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Print every validation error with its position in the file."""
    file = definition_file.read(args.file)
    response = (
        api()
        .post("/v1/definitions/validate", file.document, what=f"{args.file} cannot be checked")
        .body
    )
    if output.as_json:
        output.json(
            {
                **response,
                "errors": _positioned(file, response["errors"]),
                "warnings": _positioned(file, response.get("warnings", [])),
            }
        )
        return Exit.OK if response["valid"] else Exit.FAILURE
    if response["valid"]:
        output.line(f"{args.file} is a valid definition of {file.document.get('type')}.")
        _print_warnings(file, response, output)
    else:
        _print_issues(file, response["errors"], output)
    return Exit.OK if response["valid"] else Exit.FAILURE


def run_apply(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Publish a definition unless another version was published meanwhile."""
    file = definition_file.read(args.file)
    kind = str(file.document.get("type", ""))
    what = f"{args.file} was not published"
    http, path = api(), f"/v1/definitions/{segment(kind or '-')}"
    response = http.post("/v1/definitions/validate", file.document, what=what).body
    if not response["valid"]:
        _print_issues(file, response["errors"], output)
        errors = len(response["errors"])
        raise Failure(
            what,
            f"It has {errors} error{'s' if errors != 1 else ''}, listed above.",
            f"Correct them; `flamebot definitions validate {args.file}` checks the file.",
        )
    _print_warnings(file, response, output)
    current = args.if_version or _current(http, path, what)
    if args.dry_run:
        output.line(
            f"{kind} is valid and would be the version after {current}."
            if current
            else f"{kind} is valid and would be version 1."
        )
        return Exit.OK
    condition = {"If-Match": f'"{current}"'} if current else {"If-None-Match": "*"}
    published = http.call("PUT", path, what=what, body=file.document, headers=condition).body
    if output.as_json:
        output.json(published)
    elif published["version"] == current:
        output.line(f"{kind} is already version {current}; nothing changed.")
    else:
        output.line(f"{kind} is now version {published['version']}. Running workflows keep theirs.")
        output.note(f"next: flamebot start ACCOUNT --type {kind}")
    return Exit.OK


def _current(http: Api, path: str, what: str) -> int | None:
    try:
        return int(http.get(path, what=what).body["version"])
    except Failure as failure:
        if failure.status != 404:
            raise
        return None


def _positioned(file: DefinitionFile, issues: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**issue, "position": file.position(issue["pointer"])} for issue in issues]


def _print_issues(file: DefinitionFile, issues: list[dict[str, Any]], output: Output) -> None:
    rows = [("POSITION", "POINTER", "REASON")]
    rows += [
        (file.position(issue["pointer"]), issue["pointer"], issue["detail"]) for issue in issues
    ]
    position, pointer = (max(len(printable(row[column])) for row in rows) for column in (0, 1))
    # No table: a terminal's edge would cut the end of the reason, which says what to write.
    for row in rows:
        cells = [printable(cell) for cell in row]
        output.line(f"{cells[0]:{position}}  {cells[1]:{pointer}}  {cells[2]}")


def _print_warnings(file: DefinitionFile, response: dict[str, Any], output: Output) -> None:
    """Print the warnings of a validation to standard error. An earlier server sends none."""
    for warning in response.get("warnings", []):
        position, detail = file.position(warning["pointer"]), printable(warning["detail"])
        output.note(f"warning: {position}  {detail}")
