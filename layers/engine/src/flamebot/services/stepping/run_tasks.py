"""The step function's service: lock, begin, run, commit, unlock, for every task that a batch of messages points at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.message import TaskPointer, UnreadableMessage, decode
from flamebot.ports.actions_service import ActionsService
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Committed, EngineStore
from flamebot.ports.locks import Locks
from flamebot.ports.queue import StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.ports.vault import Vault
from flamebot.ports.writer import Writer
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.schedule_time import ScheduleTime
from flamebot.services.sending import send_tasks
from flamebot.services.stepping.account_lock import AccountLock
from flamebot.services.stepping.commit_group import CommitGroup
from flamebot.services.stepping.deliver import Deliver, Delivered
from flamebot.services.stepping.outside import Outside
from flamebot.services.stepping.phases.register import RegisterAccount
from flamebot.services.stepping.phases.run import ExecutePhase
from flamebot.services.stepping.run_chain import RunChain
from flamebot.services.time_budget import Invocation


def _new_delivery_id() -> str:
    return str(uuid4())


class RunTasks:
    """Runs tasks, several at once. One per process; its threads are kept between invocations."""

    def __init__(
        self,
        *,
        store: EngineStore,
        locks: Locks,
        service: ActionsService,
        vault: Vault,
        writer: Writer,
        queue: StepQueue,
        catalog: DefinitionCatalog,
        clock: Clock,
        telemetry: Telemetry,
        threads: int,
        call_timeout: timedelta,
        new_delivery_id: Callable[[], str] = _new_delivery_id,
    ) -> None:
        """Take the ports; `call_timeout` is what one call at the outside may last, `threads` how many tasks run at once."""
        self._store = store
        self._locks = locks
        self._queue = queue
        self._catalog = catalog
        self._clock = clock
        self._telemetry = telemetry
        self._threads = threads
        self._call_timeout = call_timeout
        self._new_delivery_id = new_delivery_id
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="step")
        self._phases = ExecutePhase(
            service=service,
            writer=writer,
            accounts=RegisterAccount(store, service, vault),
            clock=clock,
            telemetry=telemetry,
        )

    def run(self, bodies: Mapping[str, str], remaining: Callable[[], float]) -> list[str]:
        """Run what the messages point at and answer which of them failed, by id.

        A message is failed only if it cannot be read, or if nothing was begun because the database is down. In any other
        case each task's fate is known, or left to its lease.

        Args:
            bodies: The messages' bodies by message id.
            remaining: Real seconds until the platform ends the invocation.
        """
        pointers, unreadable = self._read(bodies)
        invocation = Invocation(remaining, self._call_timeout)
        time = ScheduleTime(self._clock)
        delivery_id = self._new_delivery_id()
        outside = Outside(self._pool)

        def send(queued: Sequence[TaskPointer]) -> None:
            outside.ask(
                lambda: send_tasks(
                    queued,
                    queue=self._queue,
                    clock=self._clock,
                    telemetry=self._telemetry,
                    now=time.now(),
                ),
                broken=lambda error: self._telemetry.warn(
                    "send_broke", tasks=len(queued), error=type(error).__name__
                ),
            )

        def committed(answers: Sequence[Committed]) -> None:
            if queued := [answer.send for answer in answers if answer.send is not None]:
                send(queued)

        group = CommitGroup(
            self._store, self._clock, self._telemetry, committed=committed, remaining=remaining
        )
        chain = RunChain(
            store=self._store,
            phases=self._phases,
            catalog=self._catalog,
            clock=self._clock,
            time=time,
            telemetry=self._telemetry,
            invocation=invocation,
        )
        deliver = Deliver(
            store=self._store,
            chain=chain,
            group=group,
            outside=outside,
            threads=self._threads,
            send=send,
            clock=self._clock,
            time=time,
            telemetry=self._telemetry,
            invocation=invocation,
            delivery_id=delivery_id,
        )
        try:
            deliver.run(
                [Delivered(pointer, self._lock(pointer, delivery_id)) for pointer in pointers]
            )
        except StoreUnavailable:
            self._telemetry.warn("nothing_begun", messages=len(bodies))
            return list(bodies)
        return unreadable

    def _read(self, bodies: Mapping[str, str]) -> tuple[list[TaskPointer], list[str]]:
        """The pointers, each task once, and the ids of the messages that nobody can read."""
        newest: dict[str, TaskPointer] = {}
        unreadable: list[str] = []
        for message_id, body in bodies.items():
            try:
                pointers = decode(body)
            except UnreadableMessage as error:
                self._telemetry.warn("unreadable_message", message_id=message_id, error=str(error))
                unreadable.append(message_id)
                continue
            for pointer in pointers:
                # Fences grow: of two pointers to one task the older was revoked. Sent on, a lone task stays alone.
                if pointer.task_id not in newest or newest[pointer.task_id].fence < pointer.fence:
                    newest[pointer.task_id] = replace(pointer, alone=len(pointers) == 1)
        return list(newest.values()), unreadable

    def _lock(self, pointer: TaskPointer, delivery_id: str) -> AccountLock:
        instance_id = pointer.task_id.rpartition(":")[0]
        own = f"{delivery_id}:{pointer.task_id}"  # of this delivery and of no other task in it
        return AccountLock(
            self._locks,
            self._telemetry,
            account_id=pointer.account_id,
            instance_id=instance_id,
            delivery_id=own,
        )
