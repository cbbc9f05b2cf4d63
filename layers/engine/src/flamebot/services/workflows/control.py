"""Control workflows: one, or all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.errors import RevisionConflict, Unavailable
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.plan import plan_retry, plan_skip
from flamebot.domain.task_random import TaskRandom
from flamebot.ports.clock import Clock
from flamebot.ports.control_store import Caller, Changed, ControlStore, InstanceSnapshot
from flamebot.ports.engine_store import Json
from flamebot.ports.queue import StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.sending import send_tasks
from flamebot.services.ticking.dispatch import DispatchDue

_TRIES = 4  # a step that commits between our read and our write makes the plan void
_NOTHING = Decision(
    task=None, instance=InstanceWrite(current_step=0)
)  # the verb will refuse, and says what is allowed


class ControlWorkflow:
    """Each method answers the workflow as GET shows it, after sending what is due soon."""

    def __init__(
        self,
        *,
        store: ControlStore,
        catalog: DefinitionCatalog,
        queue: StepQueue,
        dispatcher: DispatchDue,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._queue = queue
        self._dispatcher = dispatcher
        self._clock = clock
        self._telemetry = telemetry

    def pause(self, instance_id: str, caller: Caller) -> Json:
        """Hold the waiting task."""
        return self._sent(self._store.pause_workflow(instance_id, caller))

    def resume(self, instance_id: str, clock: Literal["freeze", "run_on"], caller: Caller) -> Json:
        """Go on."""
        return self._sent(self._store.resume_workflow(instance_id, clock, caller))

    def stop(self, instance_id: str, caller: Caller) -> Json:
        """Stop; an open job gets a cancel task, which is sent at once."""
        return self._sent(self._store.stop_workflow(instance_id, caller))

    def run_now(self, instance_id: str, caller: Caller) -> Json:
        """Make the waiting task due now."""

        def write(standing: InstanceSnapshot) -> Changed:
            return self._store.run_workflow_now(instance_id, standing.instance.revision, caller)

        return self._planned(instance_id, write)

    def retry(self, instance_id: str, caller: Caller) -> Json:
        """Take a failed workflow up where it failed."""

        def write(standing: InstanceSnapshot) -> Changed:
            return self._store.retry_workflow(
                instance_id, standing.instance.revision, self._plan_retry(standing), caller
            )

        return self._planned(instance_id, write)

    def skip_step(self, instance_id: str, caller: Caller) -> Json:
        """Go on with the step after the one that waits."""

        def write(standing: InstanceSnapshot) -> Changed:
            return self._store.skip_step(
                instance_id, standing.instance.revision, self._plan_skip(standing), caller
            )

        return self._planned(instance_id, write)

    def pause_all(self, caller: Caller) -> Json:
        """Nothing begins after this returns."""
        return self._store.pause_all(caller)

    def resume_all(self, caller: Caller) -> Json:
        """End the global pause, and send at once what has fallen due meanwhile."""
        control = self._store.resume_all(caller)
        try:
            self._dispatcher.dispatch()
        except Unavailable as error:  # resumed all the same; the tick sends what this could not
            self._telemetry.warn("dispatch_failed", code=error.code)
        return control

    def _planned(self, instance_id: str, write: Callable[[InstanceSnapshot], Changed]) -> Json:
        for tries_left in reversed(range(_TRIES)):
            standing = self._store.standing(instance_id)
            try:
                return self._sent(write(standing))
            except RevisionConflict:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    def _plan_retry(self, standing: InstanceSnapshot) -> Decision:
        if standing.instance.status is not InstanceStatus.FAILED:
            return _NOTHING
        definition = self._catalog.get(standing.instance.definition_id)
        return plan_retry(
            definition,
            standing.instance,
            standing.task,
            standing.now,
            self._draw(standing),
        )

    def _plan_skip(self, standing: InstanceSnapshot) -> Decision:
        if standing.instance.status not in (InstanceStatus.ACTIVE, InstanceStatus.PAUSED):
            return _NOTHING
        definition = self._catalog.get(standing.instance.definition_id)
        return plan_skip(
            definition,
            standing.instance,
            standing.task,
            standing.now,
            self._draw(standing),
        )

    @staticmethod
    def _draw(standing: InstanceSnapshot) -> TaskRandom:
        """Seeded by the last task and the revision: another retry of the same step draws anew."""
        last = standing.task.task_id if standing.task else standing.instance.instance_id
        return TaskRandom(f"{last}:{standing.instance.revision}")

    def _sent(self, changed: Changed) -> Json:
        send_tasks(changed.send, queue=self._queue, clock=self._clock, telemetry=self._telemetry)
        return changed.workflow
