"""Dollars per million steps of the seeded workflows.

They run on a metered stack whose actions service responds in 300 ms.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.bill import (
    Seen,
    fixed_usd_per_month,
    step_functions_usd_per_million_steps,
    table,
    usage,
    usd_per_million_steps,
)
from bench.database import CACHE, ROOT, Session, fresh
from bench.dollars import FunctionSize, Prices, per_million
from bench.figures import Figure, figure
from bench.metered.drive import MAINTENANCE, Drive
from bench.metered.stack import MeteredStack
from bench.run import Run
from devstack.aws.cloudformation import read_document

# How many of each run, one after the other; the endless one is stopped after so many rounds.
_LONE = {"default": 1, "test": 2, "aggressive": 1}
_ROUNDS = 12
_TOGETHER = 10  # accounts, the most that share a message
_DAYS = 30
_ROUND_SECONDS = (
    45 * 60 + 22
)  # of `aggressive`: the mean of its delay, and a job that is done at its third poll
_STEPS_PER_ROUND = 2
_STEPS = "select count(*) from step_history where status = 'completed'"
_EFFECTS = _STEPS + " and action not in ('wait', 'goto')"
_ROUNDS_DONE = "select count(*) from step_history where step_id = 'continuous_swipe'"
_LIVE = "select count(*) from workflow_instances where status = 'active'"
# Step Functions for the same work: a Wait for a wait; a Choice and a Wait for a jump; a Task for a
# text, two for a submit and the account check
# before it; a Wait, a Task and a Choice for a poll.
_TRANSITIONS = """
select (select sum(case action when 'wait' then 1 when 'goto' then 2 else 0 end) from step_history)
     + (select sum(case phase when 'generate' then 1 when 'submit' then 2 when 'poll' then 3 *
         (coalesce((payload ->> 'polls')::int, 0) + 1)
                   else 0 end) from scheduled_tasks where status = 'completed')
"""


class _Bench:
    """What the runs share: prices, sizes, and the invocations of the fixed costs."""

    def __init__(self, run: Run) -> None:
        """Read the prices and the template."""
        self.run = run
        self.prices = Prices.read()
        self.resources = read_document(ROOT / "template.yaml")["Resources"]
        self.sizes: dict[str, FunctionSize] = {}
        self.series: set[str] = set()
        self.fixed: dict[str, float] = {}
        self.peak_mib = 0.0

    def see(self, workflow: str, *, accounts: int, repeats: int) -> Seen:
        """Run a workflow `repeats` times one after the other, with so many accounts at once."""
        endless = workflow == "aggressive"
        rounds = (3 if self.run.quick else _ROUNDS) * accounts
        with (
            fresh(self.run.server, migrated=False) as url,
            tempfile.TemporaryDirectory(dir=CACHE) as folder,
            MeteredStack(url, Path(folder)) as stack,
        ):
            session = Session(url)
            try:

                def done() -> bool:
                    return endless and session.value(_ROUNDS_DONE) >= rounds

                drive = Drive(stack, session, together=accounts > 1)
                for number in range(repeats):
                    drive.start(workflow, accounts, prefix=f"{workflow}-{number}")
                    drive.run(done)
                assert endless or session.value(_LIVE) == 0, "a workflow did not come to its end"
                seen = Seen(
                    workflows=accounts * repeats,
                    steps=int(session.value(_STEPS)),
                    effects=int(session.value(_EFFECTS)),
                    transitions=int(session.value(_TRANSITIONS)),
                    used={name: list(used) for name, used in stack.used.items()},
                    events=list(stack.events),
                )
                stack.call("maintenance", MAINTENANCE)
            finally:
                session.close()
            self._learn(stack)
        return seen

    def _learn(self, stack: MeteredStack) -> None:
        architecture = read_document(ROOT / "template.yaml")["Globals"]["Function"]["Architectures"]
        self.sizes = {
            name: FunctionSize(memory_mb=stack.memory_mb(name), arm=architecture == ["arm64"])
            for name in stack.functions
        }
        self.series |= {
            series for used in stack.used.values() for each in used for series in each["series"]
        }
        self.peak_mib = max(
            self.peak_mib, *(used["peak_kib"] / 1024 for used in stack.used["step"])
        )
        if ticks := stack.used["tick"]:
            longest = max(ticks, key=lambda used: used["seconds"])
            idle = {
                "tick": {**longest, "calls": {}, "bytes": {}},
                "maintenance": stack.used["maintenance"][-1],
            }
            month = fixed_usd_per_month(
                stack.template, self.resources, idle, self.sizes, len(self.series)
            )
            self.fixed = dict(month)


def measure(run: Run) -> list[Figure]:
    """Measure each seeded workflow alone, and `default` for ten accounts at once."""
    bench = _Bench(run)
    figures: list[Figure] = []
    lone: dict[str, float] = {}
    for workflow, repeats in _LONE.items():
        seen = bench.see(workflow, accounts=1, repeats=1 if run.quick else repeats)
        usd = usd_per_million_steps(seen, bench.sizes, bench.prices)
        lone[workflow] = sum(usd.values())
        run.say(
            "  "
            + table(
                f"a million steps of {workflow}, alone",
                per_million(usage(seen, bench.sizes), seen.steps),
                usd,
            )
        )
        figures += _of_one(workflow, seen, lone[workflow], bench)
    together = bench.see("default", accounts=_TOGETHER, repeats=1)
    usd = usd_per_million_steps(together, bench.sizes, bench.prices)
    run.say(
        "  "
        + table(
            "a million steps of default, ten at once",
            per_million(usage(together, bench.sizes), together.steps),
            usd,
        )
    )
    fixed = bench.prices.cost(bench.fixed)
    run.say("  " + table("a month, whatever runs, database apart", bench.fixed, fixed))
    worst = max(lone, key=lambda workflow: lone[workflow])
    note = f"{worst}, a lone account; prices of {bench.prices.as_of}, {bench.prices.region}"
    return [
        figure("usd_per_million_steps", lone[worst], "$", note),
        *figures,
        figure(
            "usd_per_million_steps_together_default",
            sum(usd.values()),
            "$",
            f"{_TOGETHER} accounts due in the same second",
        ),
        figure(
            "usd_fixed_per_month",
            sum(fixed.values()),
            "$",
            "ticks, maintenance, metrics, alarms, NAT, keys; database apart",
        ),
        figure(
            "step_function_peak_mib",
            bench.peak_mib,
            "MiB",
            f"of {bench.sizes['step'].memory_mb} MB",
        ),
    ]


def _of_one(workflow: str, seen: Seen, usd: float, bench: _Bench) -> list[Figure]:
    theirs = step_functions_usd_per_million_steps(seen, bench.prices)
    if workflow == "aggressive":
        a_month = _DAYS * 86400 / _ROUND_SECONDS * _STEPS_PER_ROUND
        note = f"{a_month:,.0f} steps each"
    else:
        a_month = _DAYS * seen.steps / seen.workflows
        note = f"a run a day: {a_month:,.0f} steps each"
    return [
        figure(
            f"usd_per_million_steps_{workflow}",
            usd,
            "$",
            f"{seen.steps} steps, {len(seen.events)} invocations",
        ),
        figure(
            f"usd_per_million_effects_{workflow}",
            usd * seen.steps / seen.effects,
            "$",
            f"{seen.effects} effects",
        ),
        figure(
            f"usd_per_1000_accounts_month_{workflow}",
            usd / 1e6 * a_month * 1000,
            "$",
            f"{note}; the fixed costs apart",
        ),
        figure(
            f"usd_vs_step_functions_{workflow}",
            usd / theirs,
            "",
            f"{seen.transitions / seen.steps:.1f} transitions for a step, {theirs:.0f} $",
        ),
    ]
