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
from cli.output import Output, choose, moment

# The fields of a definition's author; the others are added when it is published.
_FIELDS: Final = ("type", "name", "description", "config", "steps")


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
        "check a definition without publishing it",
        "examples:\n  flamebot definitions validate definitions/test.yaml",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON")
    parser = group.add(
        "apply",
        run_apply,
        "publish a definition; running workflows keep their version",
        "examples:\n  flamebot definitions apply default.yaml\n"
        "  flamebot definitions apply default.yaml --if-version 3\n"
        "  flamebot definitions apply default.yaml --dry-run",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON")
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
                "errors": [
                    {**issue, "position": file.position(issue["pointer"])}
                    for issue in response["errors"]
                ],
            }
        )
    elif response["valid"]:
        output.line(f"{args.file} is a valid definition of {file.document.get('type')}.")
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
        raise Failure(
            what,
            f"It has {len(response['errors'])} errors, listed above.",
            f"Correct them; `flamebot definitions validate {args.file}` checks the file.",
        )
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


def _print_issues(file: DefinitionFile, issues: list[dict[str, Any]], output: Output) -> None:
    output.table(
        ["POSITION", "POINTER", "REASON"],
        [
            [file.position(issue["pointer"]), *choose(issue, "pointer", "detail")]
            for issue in issues
        ],
    )
