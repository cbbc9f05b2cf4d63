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
    """Add the commands to the command line."""
    parser = commands.add(
        "status",
        run_status,
        "show how the engine is doing: health, counts, lateness",
        "examples:\n  flamebot status\n  flamebot status --check || send-alert",
    )
    parser.add_argument(
        "--check", action="store_true", help="exit with status 7 unless the engine is healthy"
    )
    for action, summary in (
        ("pause-all", "pause the whole engine: no further step begins, cancellations continue"),
        ("resume-all", "end the global pause"),
    ):
        parser = commands.add(
            action,
            run_global,
            summary,
            f'examples:\n  flamebot {action} --reason "maintenance of the actions service"',
        )
        parser.set_defaults(action=action)
        parser.add_argument("--reason", metavar="TEXT", help="the reason, for the audit log")


def run_status(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Print health, counts and lateness."""
    http, what = api(), "The status cannot be shown"
    health = http.get("/v1/health", what=what).body
    stats = http.get("/v1/stats", what=what).body
    shown = {
        "clockRate": _clock_rate(http, what),
        "health": health,
        "stats": stats,
        "control": _control(http, what),
    }
    if output.as_json:
        output.json({"api": http.target.api_url, **shown})
    else:
        _print_status(http, shown, output)
    return Exit.UNHEALTHY if args.check and health["status"] != "ok" else Exit.OK


def _control(http: Api, what: str) -> dict[str, Any] | None:
    """Return the global pause, or None if the token lacks the scope admin."""
    try:
        control: dict[str, Any] = http.get("/v1/control", what=what).body
    except Failure as failure:
        if failure.status != 403:
            raise
        return None
    return control


def _clock_rate(http: Api, what: str) -> float | None:
    """Return seconds of schedule time per second of wall time; None if unknown."""
    try:
        return float(http.get("/v1/me", what=what).body["clockRate"])
    except Failure as failure:
        if failure.exit is not Exit.NOT_FOUND:  # an engine before this call
            raise
        return http.target.speed


def _print_status(http: Api, shown: dict[str, Any], output: Output) -> None:
    health, stats, control, rate = (
        shown[name] for name in ("health", "stats", "control", "clockRate")
    )
    paused = "unknown (the token lacks the scope admin)" if control is None else "no"
    if control is not None and control["paused"]:
        paused = f"since {moment(control['pausedAt'])}; `flamebot resume-all` ends it"
    lateness = stats["lateness"]
    output.fields(
        {
            "api": f"{http.target.api_url} ({http.target.source})",
            "health": health["status"],
            "global pause": paused,
            "workflows": _counts(stats["workflows"]),
            "tasks": _counts(stats["tasks"]),
            "accounts": _counts(stats["accounts"]),
            "lateness": _lateness(lateness, rate),
            **({} if rate == 1 else {"clock": _clock(rate)}),
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
        mean = "MEAN" if rate == 1 else "MEAN (SCHEDULE TIME)"
        output.table(["LAST 24 HOURS", *(name.upper() for name in names), mean], rows)
    if stats.get("errors"):
        output.line()
        output.table(
            ["ERROR", "FAILED IN 24 HOURS", "TASKS WAITING"],
            [[one["code"], one["failed"], one["waiting"]] for one in stats["errors"]],
        )
        output.note("next: `flamebot list --error-code CODE` shows the workflows of one code.")
    if stats["accounts"].get("suspended"):
        output.note("next: `flamebot list --error account_suspended` shows whose they are.")


def _state(check: dict[str, Any]) -> str:
    """Return the state of a check; a failed check that is not urgent is a warning."""
    if check["ok"]:
        return "ok"
    return "failed" if check["urgent"] else "warning"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items() if number) or "none"


def _clock(rate: float | None) -> str:
    """Return what the times of this output mean, where the schedule clock has a speed."""
    if rate is None:
        return "times are in schedule time; the engine does not show its clock rate"
    return f"times are in schedule time, which runs at {rate:g} times the speed of wall time"


def _lateness(lateness: dict[str, Any], rate: float | None) -> str:
    """Return the lateness in wall-clock seconds; the API counts seconds of schedule time."""
    if not lateness["tasks"]:
        return "no task has begun in the last 24 hours"
    p50, p95, p99, worst = (
        _seconds(lateness[name] / (rate or 1))
        for name in ("p50Seconds", "p95Seconds", "p99Seconds", "maxSeconds")
    )
    tasks, clock = f"{lateness['tasks']:,} tasks", "wall" if rate else "schedule"
    return f"p50 {p50}, p95 {p95}, p99 {p99}, worst {worst} over {tasks}, in {clock} time"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def run_global(args: argparse.Namespace, api: Callable[[], Api], output: Output) -> Exit:
    """Set or end the global pause."""
    body = {"reason": args.reason} if args.reason else {}
    control = api().post(f"/v1/control/{args.action}", body, what=f"{args.action} failed").body
    if output.as_json:
        output.json(control)
    elif control["paused"]:
        output.line(
            f"All workflows have been paused since {moment(control['pausedAt'])}."
            " Steps that have begun finish; cancellations continue."
        )
        output.note("undo: flamebot resume-all")
    else:
        output.line("The global pause has ended.")
    return Exit.OK
