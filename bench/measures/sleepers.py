"""Ten million sleeping tasks: the cost of a claim among them, and the rate of steps beside them."""

from __future__ import annotations

import statistics
import time

from bench import plots
from bench.database import Session, fresh
from bench.engine import HORIZON, LEASE, Engine
from bench.figures import Figure, figure
from bench.filling import fill, rest_definition
from bench.measures.limits import bare_claim, fill_bare
from bench.measures.throughput import one_pass
from bench.run import Run

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
_DUE = 10_000
_CHUNK = 1000  # like the tick's
_WORKFLOWS = 6_000
_CLAIM = "select * from claim_due_tasks(null, %s, %s, %s, 1)"


def measure(run: Run) -> list[Figure]:
    """Fill the tables in stages and claim at each size.

    Steps run before the first stage and after the last, before and after VACUUM ANALYZE.
    """
    threads = int(run.facts.get("best_step_threads", 50))
    workflows = run.size(_WORKFLOWS)
    claims: dict[int, float] = {}
    bare = _bare(run)
    with fresh(run.server) as url:
        engine, session = Engine(url, threads=1), Session(url)
        try:
            definition = rest_definition(engine, session)
            alone = statistics.median(
                one_pass(url, workflows=workflows, threads=threads, prefix=f"alone-{n}").rate
                for n in range(2)
            )
            asleep = 0
            for size in (run.size(size) for size in SIZES):
                fill(
                    session,
                    definition,
                    size - asleep,
                    prefix=f"sleeper-{size}-",
                    soonest="1 day",
                    latest="100 days",
                )
                asleep = size
                claims[size] = _claims(session, definition, size)
                run.say(
                    f"  claim of {_DUE:,} among {size:,} sleepers: "
                    f"{claims[size] * 1000:.0f} ms (bare {bare * 1000:.0f} ms)"
                )
            before = one_pass(url, workflows=workflows, threads=threads, prefix="before").rate
            session.rows("vacuum (analyze) scheduled_tasks, workflow_instances, accounts")
            after = one_pass(url, workflows=workflows, threads=threads, prefix="after").rate
        finally:
            engine.close()
            session.close()
    run.say(
        f"  steps/s: {alone:,.0f} alone, {before:,.0f} beside "
        f"{asleep:,} sleepers, {after:,.0f} after VACUUM ANALYZE"
    )
    sizes = sorted(claims)
    plots.claims(
        run.results / "claim_by_sleepers.png",
        {size: _DUE / claims[size] for size in sizes},
        bare=_DUE / bare,
    )
    return [
        figure(
            "steps_with_10m_sleeping_ratio",
            min(before, after) / alone,
            "",
            f"before VACUUM ANALYZE {before / alone:.2f}, after {after / alone:.2f}",
        ),
        figure(
            "claim_vs_bare_update",
            claims[sizes[-1]] / bare,
            "x",
            f"among {sizes[-1]:,}; " + ", ".join(f"{s:,}: {claims[s] / bare:.2f}" for s in sizes),
        ),
        figure(
            "claim_growth_to_10m",
            claims[sizes[-1]] / claims[sizes[0]],
            "x",
            f"from {sizes[0]:,} sleepers to {sizes[-1]:,}",
        ),
        figure("claim_rows_per_second", _DUE / claims[sizes[-1]], "1/s", "1,000 per call"),
    ]


def _bare(run: Run) -> float:
    """Run the same claim without the product: one table of the claim's columns with one index."""
    with fresh(run.server, migrated=False) as url:
        session = Session(url)
        try:
            fill_bare(session, 100_000 if run.quick else 1_000_000)
            return statistics.median(bare_claim(session) for _ in range(5))
        finally:
            session.close()


def _claims(session: Session, definition: int, size: int) -> float:
    """Return the seconds for claiming 10,000 due tasks, the median of three.

    The claimed tasks are removed again.
    """
    taken = []
    for number in range(3):
        fill(
            session,
            definition,
            _DUE,
            prefix=f"due-{size}-{number}-",
            soonest="-1 hour",
            latest="-1 minute",
        )
        begun = time.perf_counter()
        assert (
            session.value("select free_queue_capacity(20000)") >= _DUE
        )  # as the tick does before it claims
        for _ in range(_DUE // _CHUNK):
            assert len(session.rows(_CLAIM, (HORIZON, _CHUNK, LEASE))) == _CHUNK
        taken.append(time.perf_counter() - begun)
        session.rows("delete from scheduled_tasks where status = 'queued'")
        session.rows(
            "delete from workflow_instances where account_id like 'due-%%'"
            if size <= 100_000
            else "select 1"
        )
    return statistics.median(taken)
