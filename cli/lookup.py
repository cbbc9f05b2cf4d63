"""Find what a command's argument names, and whether the engine is paused as a whole."""

from __future__ import annotations

from typing import Any, Final

from cli.client import Api, segment
from cli.failures import Exit, Failure
from cli.output import Output, moment

LIVE: Final = ("active", "paused", "stopping")


def find(api: Api, name: str, *, what: str) -> dict[str, Any]:
    """Return a workflow by its id, or by its account's id: the live one, else the latest.

    Raises:
        Failure: There is none, or the API cannot be used. `what` is its first line.
    """
    if len(name) == 36 and name.count("-") == 4:
        workflow = _get(api, f"/v1/workflows/{segment(name)}", what)
        if workflow is not None:
            return workflow
    items, more = api.listed("/v1/workflows", what=what, params={"accountId": name}, most=50)
    live = next((item for item in items if item["status"] in LIVE), None)
    if live is not None or (items and not more):
        return live or items[0]
    account = _get(api, f"/v1/accounts/{segment(name)}", what)
    # A workflow that was retried may be live and older than fifty others.
    if account is not None and account.get("liveWorkflowId"):
        workflow = _get(api, f"/v1/workflows/{account['liveWorkflowId']}", what)
        if workflow is not None:
            return workflow
    if items:
        return items[0]
    if account is not None:
        raise Failure(
            what,
            f"The account {name} has no workflow.",
            f"`flamebot start {name}` starts one.",
            Exit.NOT_FOUND,
        )
    raise Failure(
        what,
        f"No workflow and no account has the id {name}.",
        "`flamebot list` shows the workflows. An account is imported with `flamebot import FILE`"
        f" before `flamebot start {name}`.",
        Exit.NOT_FOUND,
    )


def _get(api: Api, path: str, what: str) -> dict[str, Any] | None:
    """Return what a path shows, or None if it does not exist."""
    try:
        shown: dict[str, Any] = api.get(path, what=what).body
    except Failure as failure:
        if failure.exit is not Exit.NOT_FOUND:
            raise
        return None
    return shown


def global_pause(api: Api) -> str | None:
    """Return since when the engine is paused as a whole.

    None if it is not, or if the token may not know: it needs the scope admin.
    """
    try:
        control = api.get("/v1/control", what="The global pause cannot be shown").body
    except Failure:
        return None
    return control["pausedAt"] if control["paused"] else None


def note_global_pause(since: str | None, output: Output) -> None:
    """Print that nothing begins, and what ends that."""
    if since is not None:
        output.note(
            f"All workflows have been paused since {moment(since)}: no step begins until"
            " `flamebot resume-all`."
        )
