"""The lock order holds: callers with shuffled batches never deadlock and break no invariant."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from flamebot.domain.decision import Decision
from tests.support.builders import (
    LEASE,
    NOON,
    a_cancel,
    a_decision,
    a_definition,
    a_next,
    a_poll,
    a_start,
    after,
    begin,
    claim,
    commit,
    pause,
    pause_all,
    reclaim,
    resume,
    resume_all,
    start_rows,
    stop,
)
from tests.support.databases import Session, TestDatabase

SECONDS = 5.0
INSTANCES = 300
BROKEN = {
    "I2: a live instance without exactly one live task": """
        select count(*) from workflow_instances i
         where i.is_live and 1 <> (select count(*) from scheduled_tasks t
             where t.workflow_instance_id = i.id and t.is_live)""",
    "I2: a finished instance with a live task": """
        select count(*) from workflow_instances i join scheduled_tasks t
            on t.workflow_instance_id = i.id and t.is_live
         where not i.is_live""",
    "I3: a gap in the sequences": """
        select count(*) from (select from scheduled_tasks group by workflow_instance_id
            having max(sequence) <> count(*)) x""",
    "I7: a paused instance with a task that is due": """
        select count(*) from workflow_instances i join scheduled_tasks t
            on t.workflow_instance_id = i.id
         where i.status = 'paused' and t.status in ('pending', 'queued') and t.phase <> 'cancel'""",
    "a held task of an instance that is not paused": """
        select count(*) from workflow_instances i join scheduled_tasks t
            on t.workflow_instance_id = i.id
         where t.status = 'held' and i.status <> 'paused'""",
    "history that disagrees with its count": """
        select count(*) from workflow_instances i
         where i.history_count <> (select count(*) from step_history h
             where h.instance_id = i.id)""",
    "a due time that the instance does not tell": """
        select count(*) from workflow_instances i join scheduled_tasks t
            on t.workflow_instance_id = i.id and t.is_live
         where t.status in ('pending', 'queued') and i.next_action_at is distinct
             from t.scheduled_for""",
}


class Hunt:
    """Threads that call SQL functions until the time is up."""

    def __init__(self, database: TestDatabase, instances: list[str]) -> None:
        self.database = database
        self.instances = instances
        self.counts: Counter[str] = Counter()
        self.failures: list[BaseException] = []
        self.begins: list[tuple[str, int]] = []  # old messages and old commits, for duplicates
        self.commits: list[tuple[str, int, Decision]] = []
        self.until = time.monotonic() + SECONDS

    def run(self, *callers: Callable[[Session, random.Random], None]) -> None:
        """Run every caller on a thread and a session of its own, again and again."""
        threads = [
            threading.Thread(target=self._again, args=(caller, n))
            for n, caller in enumerate(callers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "a caller is stuck"

    def _again(self, caller: Callable[[Session, random.Random], None], seed: int) -> None:
        session, dice = self.database.session(), random.Random(seed)
        while time.monotonic() < self.until and not self.failures:
            try:
                caller(session, dice)
            except psycopg2.errors.DeadlockDetected as failure:
                self.counts["deadlocks"] += 1
                self.failures.append(failure)
            except psycopg2.Error as failure:
                if failure.pgcode is None or not failure.pgcode.startswith("FB"):
                    self.failures.append(failure)

    def work(self, session: Session, dice: random.Random) -> None:
        """Claim, begin and commit, with duplicates of each, in shuffled order."""
        claimed = [(row["task_id"], row["fence"]) for row in claim(session, 60)]
        batch = claimed + dice.sample(self.begins, min(30, len(self.begins)))
        dice.shuffle(batch)
        self.begins = (self.begins + claimed)[-300:]
        begun = [
            row
            for row in begin(
                session,
                *[t for t, _ in batch],
                fences=[f for _, f in batch],
                delivery_id=str(uuid4()),
            )
            if not row["early"]
        ]
        if dice.random() < 0.1:
            begun = begun[len(begun) // 2 :]  # a crash: these are left to be reclaimed
        items = [(row["task_id"], row["fence"], self._decide(row, dice)) for row in begun]
        repeated = items + dice.sample(self.commits, min(30, len(self.commits)))
        dice.shuffle(repeated)
        self.commits = (self.commits + items)[-300:]
        answers = commit(session, *repeated)
        self.begins += [
            (answer["send"]["task_id"], answer["send"]["fence"])
            for answer in answers
            if answer["send"]
        ]
        self.counts["begun"] += len(begun)
        self.counts["accepted"] += len(answers)

    @staticmethod
    def _decide(row: Any, dice: random.Random) -> Decision:
        kind = dice.random()
        if row["phase"] == "cancel":
            return a_decision("completed", status="stopped")
        if kind < 0.2:
            return a_decision("pending", if_stopping=a_cancel() if row["phase"] == "poll" else None)
        if kind < 0.5:
            return a_decision(next_task=a_poll(), if_stopping=a_cancel())
        return a_decision(next_task=a_next(at=NOON if kind < 0.7 else after(hours=-1)))

    def control(self, session: Session, dice: random.Random) -> None:
        """Pause and resume instances, and stop one now and then."""
        chosen = dice.choice(self.instances)
        operation = dice.choices([pause, resume, stop], [45, 53, 2])[0]
        operation(session, chosen)
        self.counts[operation.__name__] += 1

    def recover(self, session: Session, dice: random.Random) -> None:
        """Let some leases run out, reclaim, send again."""
        session.rows(
            "update scheduled_tasks set lease_expires_at = clock_timestamp() - interval '1 s'"
            " where task_id in"
            " (select task_id from scheduled_tasks where lease_expires_at is not null"
            " order by random() limit 5"
            " for no key update skip locked)"
        )
        taken = reclaim(session, 20)
        dice.shuffle(taken)
        commit(session, *[(row["task_id"], row["fence"], a_decision("pending")) for row in taken])
        session.rows("select * from resend_expired(20, %s)", (LEASE,))
        self.counts["reclaimed"] += len(taken)

    def starting(self, session: Session, dice: random.Random) -> None:
        """Start the same hundred accounts, each time in another order."""
        definition = a_definition(session)
        accounts = [f"bulk-{n}" for n in range(INSTANCES)]
        dice.shuffle(accounts)
        rows = start_rows(session, [a_start(account, definition) for account in accounts[:100]])
        self.counts["started"] += sum(row["status"] == "started" for row in rows)

    def everything(self, session: Session, dice: random.Random) -> None:
        """Pause the engine for a moment."""
        pause_all(session)
        time.sleep(0.01 * dice.random())
        resume_all(session)
        self.counts["pauses of all"] += 1
        time.sleep(0.2)


@pytest.mark.slow
def test_shuffled_batches_never_deadlock(database: TestDatabase) -> None:
    """Workers, operators, ticks and imports run for some seconds without a deadlock.

    I2, I3 and I7 hold at the end.
    """
    database.rows(
        "insert into accounts (flamebot_id, model_id, channel_id, credentials_version)"
        " select 'bulk-' || n, 'm', 'c', 1 from generate_series(0, %s) n",
        (INSTANCES - 1,),
    )
    definition = a_definition(database)
    rows = [a_start(f"bulk-{n}", definition) for n in range(INSTANCES)]
    start_rows(database, rows)
    hunt = Hunt(database, [row.instance_id for row in rows])
    hunt.run(
        hunt.work,
        hunt.work,
        hunt.work,
        hunt.control,
        hunt.control,
        hunt.recover,
        hunt.starting,
        hunt.everything,
    )
    assert hunt.failures == []
    assert hunt.counts["accepted"] > 500, hunt.counts
    assert {what: count for what, query in BROKEN.items() if (count := database.value(query))} == {}
