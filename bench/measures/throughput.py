"""Three-step workflows of no-op effects, end to end, in two processes.

They also give the database's cost of a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bench.database import Session, fresh
from bench.engine import Engine
from bench.figures import Figure, figure
from bench.run import Run
from bench.workers import Ran, Workers
from bench.workload import THREE_EFFECTS, backlog, completed

WORKFLOWS = 20_000
TRIAL_WORKFLOWS = 4_000
THREADS = (20, 50, 100)
PROCESSES = 2
_STEPS = len(THREE_EFFECTS["steps"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One pass of workflows through the tables."""

    ran: Ran
    workflows: int
    commits: int
    wal_bytes: int

    @property
    def python_us(self) -> float:
        """Return the workers' processor time per step in microseconds."""
        return self.ran.cpu_seconds / self.ran.steps * 1e6

    @property
    def cpu_us(self) -> float:
        """Return all processor time per step in microseconds, Postgres included."""
        return self.ran.all_cpu_seconds / self.ran.steps * 1e6

    @property
    def rate(self) -> float:
        """Return the steps per second."""
        return self.workflows * _STEPS / self.ran.seconds


def one_pass(url: str, *, workflows: int, threads: int, prefix: str = "acc") -> Pass:
    """Run workflows from their claim to their end, and check in the tables that they completed."""
    engine, session = Engine(url, threads=1), Session(url)
    try:
        before, _ = completed(session)
        backlog(engine, session, THREE_EFFECTS, workflows, prefix=prefix)
        workers = Workers(url, processes=PROCESSES, threads=threads, max_queued=20_000)
        wal, commits = session.value("select pg_current_wal_lsn()"), _commits(session)
        ran = workers.run(workflows)
        written = int(session.value("select pg_current_wal_lsn() - %s::pg_lsn", (wal,)))
        commits = _commits(session) - commits
        after, steps = completed(session)
        assert after - before == workflows, (
            f"{after - before} of {workflows} workflows are complete"
        )
        assert steps >= workflows * _STEPS
        return Pass(ran=ran, workflows=workflows, commits=commits, wal_bytes=written)
    finally:
        engine.close()
        session.close()


def _commits(session: Session) -> int:
    session.rows("select pg_stat_force_next_flush()")
    return int(
        session.value("select xact_commit from pg_stat_database where datname = current_database()")
    )


def measure(run: Run) -> list[Figure]:
    """Find the best STEP_THREADS with few workflows, then measure with many.

    The costs are those of the pass with the most threads.
    """
    rates: dict[int, float] = {}
    for threads in THREADS:
        rates[threads] = _pass(run, TRIAL_WORKFLOWS, threads).rate
    found = max(rates, key=lambda threads: rates[threads])
    passes = {threads: _pass(run, WORKFLOWS, threads) for threads in sorted({found, THREADS[-1]})}
    best = max(
        passes, key=lambda threads: passes[threads].rate
    )  # with few workflows they differ by less than the machine does
    whole, costs = passes[best], passes[THREADS[-1]]
    steps = costs.workflows * _STEPS
    run.remember("steps_per_second", whole.rate)
    run.remember("best_step_threads", best)
    figures = [
        figure(
            "steps_per_second",
            whole.rate,
            "1/s",
            f"STEP_THREADS={best}; twice as many phases: an effect is submitted and polled",
        ),
        figure(
            "cpu_us_per_step",
            whole.cpu_us,
            "us",
            "processor time of workers and Postgres; less moved by a busy machine than the rate is",
        ),
        figure("python_us_per_step", whole.python_us, "us", "processor time of the two workers"),
        figure("best_step_threads", best, ""),
        figure("statements_per_step", costs.ran.statements / steps, ""),
        figure("commits_per_step", costs.commits / steps, ""),
        figure("wal_bytes_per_step", costs.wal_bytes / steps, "B"),
        figure("messages_per_step", costs.ran.messages / steps, ""),
    ]
    if peak := run.facts.get("update_tps_peak"):
        figures.append(figure("steps_vs_update", whole.rate / peak, ""))
    return figures


def _pass(run: Run, workflows: int, threads: int) -> Pass:
    with fresh(run.server) as url:
        one = one_pass(url, workflows=run.size(workflows), threads=threads)
    costs = f"{one.cpu_us:.0f} us of processor per step, {one.python_us:.0f} in Python"
    run.say(
        f"  STEP_THREADS={threads}, {one.workflows:,} workflows: {one.rate:,.0f} steps/s, {costs}"
    )
    return one


def wait_of_the_polls() -> timedelta:
    """Return the planned waits for the workflow's jobs.

    Each job is polled once, two seconds after its submit.
    """
    return timedelta(seconds=2) * _STEPS
