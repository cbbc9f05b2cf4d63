"""`flamebot status`, `pause-all` and `resume-all`: the engine as a whole."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from cli.client import Api
from cli.failures import Exit, Failure
from cli.options import Commands
from cli.output import Output, moment


def add(commands: Commands) -> None:
    """Tell argparse."""
    parser = commands.add(
        "status",
        run_status,
        "show how the engine does: health, counts, lateness",
        "examples:\n  flamebot status\n  flamebot status --check || page-somebody",
    )
    parser.add_argument("--check", action="store_true", help="exit with 7 if a health check fails")
    for action, summary in (
        ("pause-all", "pause the whole engine: nothing begins after the answer, cancels go on"),
        ("resume-all", "end the global pause"),
    ):
        parser = commands.add(
            action,
            run_global,
            summary,
            f'examples:\n  flamebot {action} --reason "maintenance at the provider"',
        )
        parser.set_defaults(action=action)
        parser.add_argument("--reason", metavar="TEXT", help="why; kept in the audit log")


def run_status(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """One screen."""
    http, what = api(), "The status cannot be shown"
    health = http.get("/v1/health", what=what).body
    stats = http.get("/v1/stats", what=what).body
    control = _control(http, what)
    if output.as_json:
        output.json(
            {"api": http.target.api_url, "health": health, "stats": stats, "control": control}
        )
    else:
        _tell(http, health, stats, control, output)
    return Exit.UNHEALTHY if args.check and health["status"] != "ok" else Exit.OK


def _control(http: Api, what: str) -> dict[str, Any] | None:
    """The global pause, if the token may see it: reading takes the scope admin."""
    try:
        control: dict[str, Any] = http.get("/v1/control", what=what).body
    except Failure as failure:
        if failure.status != 403:
            raise
        return None
    return control


def _tell(
    http: Api,
    health: dict[str, Any],
    stats: dict[str, Any],
    control: dict[str, Any] | None,
    output: Output,
) -> None:
    paused = "unknown (needs the scope admin)" if control is None else "no"
    if control is not None and control["paused"]:
        paused = f"since {moment(control['pausedAt'])}; end it with `flamebot resume-all`"
    lateness = stats["lateness"]
    output.fields(
        {
            "api": f"{http.target.api_url} ({http.target.source})",
            "health": health["status"],
            "global pause": paused,
            "workflows": _counts(stats["workflows"]),
            "tasks": _counts(stats["tasks"]),
            "accounts": _counts(stats["accounts"]),
            "lateness": _lateness(lateness, http.target.speed),
        }
    )
    output.line()
    output.table(
        ["CHECK", "STATE", "DETAIL"],
        [[check["name"], _state(check), check["detail"]] for check in health["checks"]],
    )
    if stats["steps"]:
        names = ("completed", "failed", "retried", "skipped", "cancelled")
        output.line()
        rows = [
            [step["action"], *(str(step[name]) for name in names), _seconds(step["meanSeconds"])]
            for step in stats["steps"]
        ]
        output.table(["LAST 24 HOURS", *(name.upper() for name in names), "MEAN"], rows)


def _state(check: dict[str, Any]) -> str:
    """What is not urgent is a warning: workflows go on."""
    if check["ok"]:
        return "ok"
    return "failed" if check["urgent"] else "warning"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items() if number) or "none"


def _lateness(lateness: dict[str, Any], speed: float) -> str:
    """In wall-clock seconds: the API counts the engine's, which pass faster on an accelerated local stack."""
    if not lateness["tasks"]:
        return "nothing has begun in the last 24 hours"
    p50, p95, p99, worst = (
        _seconds(lateness[name] / speed)
        for name in ("p50Seconds", "p95Seconds", "p99Seconds", "maxSeconds")
    )
    return f"p50 {p50}, p95 {p95}, p99 {p99}, worst {worst} over {lateness['tasks']:,} tasks, in wall time"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def run_global(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Pause or resume everything."""
    body = {"reason": args.reason} if args.reason else {}
    control = api().post(f"/v1/control/{args.action}", body, what=f"{args.action} failed").body
    if output.as_json:
        output.json(control)
    elif control["paused"]:
        output.line(
            f"Everything is paused since {moment(control['pausedAt'])}. What was begun finishes, cancels go on."
        )
        output.note("undo: flamebot resume-all")
    else:
        output.line("The engine runs.")
    return Exit.OK
