"""A whole run: work under a nemesis, then quiet, then the verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import psycopg2

from tests.e2e.local_stack import Json
from verification.chaos.ledger import fault_counts
from verification.chaos.nemesis import Nemesis
from verification.chaos.pace import Pace
from verification.chaos.verdict import Verdict, evaluate
from verification.chaos.workload import Workload
from verification.chaos.world import World

_LOOK_SECONDS = 0.5
_SAY_SECONDS = 5.0
_SLACK_SECONDS = 10.0  # a tick may be this late on a busy machine
_LIVE = """
    select count(*) filter (where is_live) as live, count(*) filter (where not is_live) as over
      from workflow_instances"""
# I6: tasks that are due, or whose lease expired, and that nothing has begun: overdue by how many
# wall-clock seconds.
_OVERDUE = """
    select coalesce(max(case when status = 'pending'
                                 then extract(epoch from to_timestamp(%s) - scheduled_for) / %s
                             else extract(epoch from clock_timestamp() - lease_expires_at)
                        end), 0)::float8 as seconds
      from scheduled_tasks where status in ('pending', 'queued', 'running')"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a run. `missing`: what makes it invalid."""

    end: Literal["passed", "broken", "invalid"]
    issues: list[str]
    missing: list[str]
    figures: dict[str, float]
    evidence: dict[str, int]


class Run:
    """Work for `workflows` accounts, struck on the plan that `seed` generates."""

    def __init__(self, pace: Pace, workflows: int, seed: object, say: Say) -> None:
        """Create a run that has started nothing. `say` receives progress lines."""
        self._pace = pace
        self._total = workflows
        self._seed = seed
        self._say = say
        self._began = time.monotonic()
        self._said = 0.0
        self._seen: Json = {"live": 0, "over": 0}

    def run(self) -> Result:
        """Run to the end. All processes are ended in every case."""
        with World(self._pace, self._seed) as world:
            workload, nemesis = Workload(world, self._total, self._seed), Nemesis(world, self._seed)
            try:
                return self._run(world, workload, nemesis)
            except AssertionError:
                world.kept = True
                raise
            finally:
                workload.stop()
                nemesis.abandon()
                if world.kept:
                    self._say(f"data and logs are kept in {world.directory}")

    def _run(self, world: World, workload: Workload, nemesis: Nemesis) -> Result:
        self._say(
            f"ready after {self._elapsed():.0f} s, {world.slowness:.1f} times as long as "
            "on two free cores; strikes begin"
        )
        workload.start()
        nemesis.start()
        while not self._enough(world, workload, nemesis):
            self._look(world, workload, nemesis)
        struck = self._elapsed()
        nemesis.stop()
        self._look(world, workload, nemesis)
        live = self._seen["live"]
        self._say(
            f"strikes are over after {struck:.0f} s with {live} workflows live; "
            "now everything must settle"
        )
        workload.calm(60)
        overdue = self._settle(world, workload, nemesis)
        verdict = evaluate(world, workload)
        if overdue > 2 * self._pace.tick + _SLACK_SECONDS:
            verdict.add(
                "I6, left unbegun for longer than a lease and two ticks", f"{overdue:.1f} s longer"
            )
        world.kept = bool(verdict.issues)
        evidence = self._evidence(world, nemesis, world.ledger()["writes"])
        missing = self._pace.missing(evidence, at_work=live > 0)
        self._add_figures(verdict, workload, struck, overdue, live)
        end: Literal["passed", "broken", "invalid"] = (
            "broken" if verdict.issues else "invalid" if missing else "passed"
        )
        return Result(
            end=end,
            issues=verdict.issues,
            missing=missing,
            figures=dict(verdict.figures),
            evidence=dict(evidence),
        )

    def _enough(self, world: World, workload: Workload, nemesis: Nemesis) -> bool:
        """Return whether the strikes may end: most work is done and enough hit, or time is up."""
        counted = self._evidence(world, nemesis, None)
        unseen = {
            what: least for what, least in self._pace.least.items() if what.startswith("service:")
        }  # the ledger is read at the end
        share = self._seen["over"] / max(len(workload.accounts), self._total)
        late = self._elapsed() > self._pace.limit * world.slowness or (
            share == 1 and not workload.importing()
        )
        if late or not self._pace.missing(counted + Counter(unseen), at_work=True):
            workload.enough()
            return not workload.importing() and (late or share >= self._pace.peace)
        return False

    def _look(self, world: World, workload: Workload, nemesis: Nemesis) -> None:
        for error in (*workload.broken, *nemesis.broken):
            raise error
        with suppress(psycopg2.Error):  # struck
            (self._seen,) = world.rows(_LIVE)
        if self._elapsed() - self._said >= _SAY_SECONDS:
            self._said = self._elapsed()
            world.log.read()
            self._say(self._progress(world, workload, nemesis))
        time.sleep(_LOOK_SECONDS)

    def _settle(self, world: World, workload: Workload, nemesis: Nemesis) -> float:
        """Wait until no workflow is live; return the greatest delay of a task.

        Raises `AssertionError`.
        """
        moved, before, worst = time.monotonic(), self._seen["over"], 0.0
        healed = (
            time.monotonic() + 2 * self._pace.tick + _SLACK_SECONDS
        )  # the last strike is noticed by then
        while workload.importing() or self._seen["live"]:
            self._look(world, workload, nemesis)
            if time.monotonic() > healed:
                worst = max(
                    worst, world.rows(_OVERDUE, world.engine_now(), self._pace.speed)[0]["seconds"]
                )
            if self._seen["over"] != before:
                moved, before = time.monotonic(), self._seen["over"]
            elif time.monotonic() - moved > self._pace.settle_timeout:
                left = """select status, phase, count(*), max(sends), max(reclaims),
                                 max(lease_expires_at - clock_timestamp()) as lease
                            from scheduled_tasks where is_live group by 1, 2"""
                raise AssertionError(f"nothing moves any more: {world.rows(left)}")
        return worst

    def _evidence(self, world: World, nemesis: Nemesis, writes: list[Json] | None) -> Counter[str]:
        counts = Counter(nemesis.evidence)
        counts += world.log.counts
        for (function, way), times in world.proxy.lost().items():
            counts[f"{function}: {way} lost"] += times
        if writes is not None:
            counts += Counter(fault_counts(writes))
        return counts

    def _add_figures(
        self, verdict: Verdict, workload: Workload, struck: float, overdue: float, live: int
    ) -> None:
        verdict.figures |= {
            "seconds in all": round(self._elapsed()),
            "seconds under strikes": round(struck),
            "live when the strikes ended": live,
            "overdue at most, seconds": round(overdue),
            "requests of the client that failed": sum(workload.failures.values()),
            **{
                f"commands: {action}": times for action, times in workload.promises.commands.items()
            },
        }

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _progress(self, world: World, workload: Workload, nemesis: Nemesis) -> str:
        hit, lost = nemesis.evidence, Counter[str]()
        for (_, way), times in world.proxy.lost().items():
            lost[way] += times
        kills = sum(times for kind, times in hit.items() if kind.startswith("kill"))
        freezes = sum(times for kind, times in hit.items() if kind.startswith("freeze"))
        minutes, seconds = divmod(round(self._elapsed()), 60)
        seen, logged = self._seen, world.log.counts
        return (
            f"{minutes:3}:{seconds:02}  imported {len(workload.promises.workflows):5}"
            f"  live {seen['live']:4}  over {seen['over']:5}"
            f"  tasks {logged['tasks run']:6} | kills {kills}  freezes {freezes}"
            f"  postgres {hit['restart postgres']}"
            f"  lost {lost['statement']}+{lost['answer']}"
            f"  purges {hit['purge queue']}  wipes {hit['wipe locks']}"
            f" | reclaimed {logged['reclaimed']}  stale {logged['stale commit refused']}"
        )
