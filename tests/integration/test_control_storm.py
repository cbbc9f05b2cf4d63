"""Every SQL function against every other on a few instances: the invariants hold at the end."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import psycopg2
import pytest

from flamebot.adapters.postgres.rows import decision_json, to_json
from flamebot.domain.decision import Decision, InstanceWrite, NextTask
from tests.support.builders import (
    HORIZON,
    LEASE,
    NOON,
    a_cancel,
    a_decision,
    a_next,
    a_poll,
    a_start,
    a_submit,
    after,
    an_entry,
    an_instance,
    begin,
    claim,
    commit,
    start_rows,
)
from tests.support.databases import Session, TestDatabase, start

SECONDS = 4.0
ONWARD = to_json(
    decision_json(
        Decision(
            task=None,
            instance=InstanceWrite(current_step=1),
            history=(an_entry("skipped"),),
            next=a_next(at=NOON),
        )
    )
)
TIMES = {"now": NOON, "horizon": HORIZON, "lease": LEASE, "decision": ONWARD}
OPERATIONS = {
    "pause": "select pause_workflow(%(id)s, %(now)s, 'a', null)",
    "resume": "select resume_workflow(%(id)s, 'freeze', %(now)s, %(horizon)s, %(lease)s, 1, 'a',"
    " null)",
    "stop": "select stop_workflow(%(id)s, %(now)s, %(lease)s, 'a', null)",
    "retry": "select retry_workflow(%(id)s, %(revision)s, %(decision)s, %(now)s, %(horizon)s,"
    " %(lease)s, 1, 'a', null)",
    "skip": "select skip_step(%(id)s, %(revision)s, %(decision)s, %(now)s, %(horizon)s,"
    " %(lease)s, 1, 'a', null)",
    "hurry": "select run_workflow_now(%(id)s, %(revision)s, %(now)s, %(lease)s, 'a', null)",
}
WRONG = {
    "I1: one live instance per account": "select account_id from workflow_instances where is_live"
    " group by 1 having count(*) > 1",
    "I2: exactly one live task while live": "select i.id from workflow_instances i where i.is_live"
    " and 1 <> (select count(*) from scheduled_tasks t where t.workflow_instance_id = i.id"
    " and t.is_live)",
    "I2: none when over": "select i.id from workflow_instances i join scheduled_tasks t"
    " on t.workflow_instance_id = i.id"
    " where t.is_live and not i.is_live",
    "paused, and yet something is due": "select i.id from workflow_instances i"
    " join scheduled_tasks t on t.workflow_instance_id = i.id"
    " where i.status = 'paused' and t.status in ('pending', 'queued') and t.phase <> 'cancel'",
    "held, and yet not paused": "select i.id from workflow_instances i join scheduled_tasks t"
    " on t.workflow_instance_id = i.id"
    " where i.status <> 'paused' and t.status = 'held'",
    "stopping, and nothing that ends it": "select i.id from workflow_instances i"
    " join scheduled_tasks t on t.workflow_instance_id = i.id"
    " where i.status = 'stopping' and t.is_live and t.phase <> 'cancel' and t.status <> 'running'",
    "I3: gaps": "select workflow_instance_id from scheduled_tasks group by 1"
    " having max(sequence) - min(sequence) + 1 <> count(*)",
    "history has gaps": "select instance_id from step_history group by 1"
    " having max(sequence) <> count(*)",
    "failed, and nothing to retry": "select i.id from workflow_instances i"
    " where i.status = 'failed'"
    " and not exists (select 1 from scheduled_tasks t where t.workflow_instance_id = i.id)",
}


class Storm:
    """Threads with a session each, until the time is up.

    A deadlock or any other fault ends the test.
    """

    def __init__(self, database: TestDatabase, instances: list[str]) -> None:
        self.database = database
        self.instances = instances
        self.done: Counter[str] = Counter()
        self.until = time.monotonic() + SECONDS
        self._count = threading.Lock()

    def worker(self, seed: int) -> None:
        """Claim tasks, begin them, with old duplicates among them, and commit random decisions."""
        dice, session = random.Random(seed), self.database.session()
        old: list[tuple[str, int]] = []
        while time.monotonic() < self.until:
            claimed = [(row["task_id"], row["fence"]) for row in claim(session, 8)]
            # What people queued has no message here: find it as its message would.
            found = session.rows(
                "select task_id, fence from scheduled_tasks where status = 'queued'"
                " order by random() limit 4"
            )
            wanted = list(
                {(row["task_id"], row["fence"]) for row in found} | set(claimed)
            ) + dice.sample(old, min(3, len(old)))
            dice.shuffle(wanted)
            begun = (
                begin(session, *[task for task, _ in wanted], fences=[fence for _, fence in wanted])
                if wanted
                else []
            )
            items = [
                (row["task_id"], row["fence"], self._decision(dice, row["phase"]))
                for row in begun
                if not row["early"]
            ]
            dice.shuffle(items)
            answered = commit(session, *items) if items else []
            self._add("begun", len(items))
            self._add("committed", len(answered))
            old = (old + wanted)[-50:]

    @staticmethod
    def _decision(dice: random.Random, phase: str) -> Decision:
        entry = (an_entry(),)
        if phase == "cancel":
            return a_decision(status="stopped", history=entry)
        follower: NextTask = dice.choice(
            [a_next(at=NOON), a_submit(), a_poll(), a_next(at=after(hours=1))]
        )
        cancel = a_cancel() if phase in ("submit", "poll") else None
        match dice.random():
            case luck if luck < 0.1:
                return a_decision(
                    "failed",
                    status="failed",
                    task={"outcome_unknown": phase == "submit"},
                    history=entry,
                )
            case luck if luck < 0.3:
                return a_decision(
                    "pending",
                    task={"outcome_unknown": phase == "submit", "attempts": 1},
                    if_stopping=cancel,
                )
        return a_decision(next_task=follower, history=entry, if_stopping=cancel)

    def person(self, seed: int) -> None:
        """Call an operation on an instance; what the state forbids is refused."""
        dice, session = random.Random(seed), self.database.session()
        while time.monotonic() < self.until:
            key = dice.choice(self.instances[-40:])
            name = dice.choices([*OPERATIONS, "start"], weights=[5, 8, 1, 6, 3, 3, 2])[0]
            if name == "start":
                self._start(session, key)
                continue
            revision = session.value(
                "select revision from workflow_instances where id = %s", (key,)
            )
            params = {**TIMES, "id": key, "revision": revision}
            self._try(name, partial(session.rows, OPERATIONS[name], params))

    def _start(self, session: Session, key: str) -> None:
        """Start another instance for the same account if the account is free."""
        account_id, definition_id = session.one(
            "select account_id, workflow_id from workflow_instances where id = %s", (key,)
        ).values()
        (answer,) = start_rows(session, [a_start(account_id, definition_id, a_submit())])
        if answer["status"] == "started":
            self.instances.append(str(answer["instance_id"]))
        self._add(answer["status"])

    def maintenance(self, seed: int) -> None:
        """Pause everything for a moment, clean up, read."""
        dice, session = random.Random(seed), self.database.session()
        while time.monotonic() < self.until:
            session.rows("select pause_all(%s, 'a', null)", (NOON,))
            session.rows("select resume_all(%s, 'a', null)", (NOON,))
            self._add(
                "deleted",
                session.value(
                    "select delete_finished_tasks(%s, %s)", (after(days=1), dice.randint(1, 30))
                ),
            )
            session.rows("select * from workflow_overview")
            time.sleep(0.05)

    def _try(self, name: str, call: Callable[[], object]) -> None:
        try:
            call()
        except psycopg2.Error as error:
            if not (error.pgcode or "").startswith("FB"):
                raise
            self._add("refused")
        else:
            self._add(name)

    def _add(self, name: str, number: int = 1) -> None:
        with self._count:
            self.done[name] += number


@pytest.mark.parametrize("seed", [1, 2])
def test_every_operation_against_every_other(database: TestDatabase, seed: int) -> None:
    """No deadlock and no unexpected error occurs, and each invariant holds at the end."""
    instances = [an_instance(database, a_submit()).instance_id for _ in range(20)]
    storm = Storm(database, instances)
    calls = [
        *(start(lambda n=n: storm.worker(seed * 100 + n)) for n in range(2)),  # type: ignore[misc]  # mypy cannot see the default's type
        *(start(lambda n=n: storm.person(seed * 200 + n)) for n in range(3)),  # type: ignore[misc]
        start(lambda: storm.maintenance(seed)),
    ]
    for call in calls:
        call.result(SECONDS + 30)
    found = {wrong: database.rows(sql) for wrong, sql in WRONG.items()}
    assert {wrong: rows for wrong, rows in found.items() if rows} == {}
    assert all(
        storm.done[name]
        for name in [
            *OPERATIONS,
            "begun",
            "committed",
            "refused",
            "deleted",
            "started",
            "already_active",
        ]
    ), storm.done
