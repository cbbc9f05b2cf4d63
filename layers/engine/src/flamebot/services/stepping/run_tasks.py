"""The step function's entry: runs every task that a batch of messages points at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from flamebot.domain.errors import StoreUnavailable
from flamebot.domain.ids import TaskId, instance_of
from flamebot.domain.message import TaskPointer, UnreadableMessage, decode
from flamebot.domain.plan_context import GIVE_UP_AFTER
from flamebot.ports.actions_service import ActionsService
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import EngineStore
from flamebot.ports.locks import Locks
from flamebot.ports.queue import StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.ports.vault import Vault
from flamebot.ports.writer import Writer
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.schedule_time import ScheduleTime
from flamebot.services.stepping.account_lock import AccountLock
from flamebot.services.stepping.call_pool import CallPool
from flamebot.services.stepping.commit import Committer
from flamebot.services.stepping.delivery import Delivery
from flamebot.services.stepping.execute import Executor
from flamebot.services.stepping.loop import InvocationLoop, Result
from flamebot.services.stepping.phases.register import RegisterAccount
from flamebot.services.stepping.phases.run import ExecutePhase
from flamebot.services.stepping.sender import Sender
from flamebot.services.time_budget import TimeBudget


def _new_delivery_id() -> str:
    return str(uuid4())


class RunTasks:
    """Runs tasks, several at once. One per process: its threads are kept between invocations."""

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
        give_up_after: timedelta = GIVE_UP_AFTER,
        new_delivery_id: Callable[[], str] = _new_delivery_id,
    ) -> None:
        """Take the ports, and how the tasks run.

        Args:
            store: What begins and commits tasks.
            locks: One lock per account.
            service: The actions service, where effects happen.
            vault: Decrypts credentials for registration.
            writer: Generates texts.
            queue: Where tasks that a commit queued are sent.
            catalog: Definitions, ready to plan with.
            clock: Schedule and wall time.
            telemetry: Logs and metrics.
            threads: How many tasks run at once.
            call_timeout: How long one call to the actions service or the writer may take.
            give_up_after: How long a step is tried in vain while a service does not respond, or
                names waits. Schedule time.
            new_delivery_id: Returns a new id per invocation.
        """
        self._store = store
        self._locks = locks
        self._queue = queue
        self._catalog = catalog
        self._clock = clock
        self._telemetry = telemetry
        self._threads = threads
        self._call_timeout = call_timeout
        self._give_up_after = give_up_after
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
        """Run what the messages point at.

        Args:
            bodies: The messages' bodies by message id.
            remaining: Returns the wall-clock seconds until the platform ends the invocation.

        Returns:
            The ids of the messages that failed. A message fails only if it cannot be read, or if
            the database is unavailable and nothing was begun. In any other case the result of
            each task is committed, or the task is left to its lease.
        """
        # Messages are acknowledged by not being returned here. A task that was not begun is found
        # by its lease, so a message is returned only if nothing else would bring the task back.
        pointers, unreadable = self._decode(bodies)
        delivery_id = self._new_delivery_id()
        loop = self._loop(TimeBudget(remaining, self._call_timeout), delivery_id)
        try:
            loop.run([Delivery(p, self._lock(p, delivery_id)) for p in pointers])
        except StoreUnavailable:
            self._telemetry.warn("nothing_begun", messages=len(bodies))
            return list(bodies)  # guard: dead-database-fails-the-batch
        return unreadable

    def _loop(self, budget: TimeBudget, delivery_id: str) -> InvocationLoop:
        time = ScheduleTime(self._clock)
        pool = CallPool[Delivery, Result](self._pool, self._clock)
        return InvocationLoop(
            store=self._store,
            executor=Executor(
                store=self._store,
                phases=self._phases,
                catalog=self._catalog,
                clock=self._clock,
                time=time,
                telemetry=self._telemetry,
                budget=budget,
                give_up_after=self._give_up_after,
            ),
            committer=Committer(self._store, self._clock, self._telemetry, budget=budget),
            sender=Sender(
                pool, self._queue, clock=self._clock, time=time, telemetry=self._telemetry
            ),
            pool=pool,
            threads=self._threads,
            clock=self._clock,
            time=time,
            telemetry=self._telemetry,
            budget=budget,
            delivery_id=delivery_id,
        )

    def _decode(self, bodies: Mapping[str, str]) -> tuple[list[TaskPointer], list[str]]:
        """Return the pointers, each task once, and the ids of the messages that are unreadable."""
        newest: dict[TaskId, TaskPointer] = {}
        unreadable: list[str] = []
        for message_id, body in bodies.items():
            try:
                pointers = decode(body)
            except UnreadableMessage as error:
                self._telemetry.warn("unreadable_message", message_id=message_id, error=str(error))
                unreadable.append(message_id)  # guard: unreadable-comes-again
                continue
            for pointer in pointers:
                known = newest.get(pointer.task_id)
                # Fences grow: of two pointers to one task the older was revoked.
                if known is None or known.fence < pointer.fence:  # guard: newer-pointer-wins
                    alone = len(pointers) == 1  # a task that travelled alone is requeued alone
                    # guard: alone-stays-alone
                    newest[pointer.task_id] = replace(pointer, alone=alone)
        return list(newest.values()), unreadable

    def _lock(self, pointer: TaskPointer, delivery_id: str) -> AccountLock:
        return AccountLock(
            self._locks,
            self._telemetry,
            account_id=pointer.account_id,
            instance_id=instance_of(pointer.task_id),
            # Of this delivery and of no other task in it.
            delivery_id=f"{delivery_id}:{pointer.task_id}",  # guard: delivery-id-per-task
        )
