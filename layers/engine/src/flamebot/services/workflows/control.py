"""Control one workflow, or all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from flamebot.domain.decision import Decision, InstanceWrite
from flamebot.domain.errors import RevisionConflict, Unavailable
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.plan import plan_retry, plan_skip
from flamebot.domain.task_random import TaskRandom
from flamebot.ports.admin_store import AdminStore, Caller, Changed, InstanceSnapshot
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json
from flamebot.ports.queue import StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.sending import send_tasks
from flamebot.services.ticking.dispatch import DispatchDue

_TRIES = 4
# Given to an SQL function that refuses in the instance's status; its error says what is allowed.
_NO_DECISION = Decision(task=None, instance=InstanceWrite(current_step=0))


class ControlWorkflow:
    """The control operations of the API.

    Each method of one workflow returns it in the form of `workflow_overview`, after sending the
    tasks that became due. Raises `NotFound`, `NotAllowed`, `Busy` and `RevisionConflict`.
    """

    def __init__(
        self,
        *,
        store: AdminStore,
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
        """Hold the waiting task; a running step finishes first."""
        return self._sent(self._store.pause_workflow(instance_id, caller))

    def resume(self, instance_id: str, clock: Literal["freeze", "run_on"], caller: Caller) -> Json:
        """Release the held task, with its remaining wait (`freeze`) or at its old due time."""
        return self._sent(self._store.resume_workflow(instance_id, clock, caller))

    def stop(self, instance_id: str, caller: Caller) -> Json:
        """Stop the workflow; an open job is cancelled by a task that is due at once."""
        return self._sent(self._store.stop_workflow(instance_id, caller))

    def run_now(self, instance_id: str, caller: Caller) -> Json:
        """Make the waiting task due now."""

        def write(snapshot: InstanceSnapshot) -> Changed:
            return self._store.run_workflow_now(instance_id, snapshot.instance.revision, caller)

        return self._planned(instance_id, write)

    def retry(self, instance_id: str, caller: Caller) -> Json:
        """Continue a failed workflow at the step that failed."""

        def write(snapshot: InstanceSnapshot) -> Changed:
            return self._store.retry_workflow(
                instance_id, snapshot.instance.revision, self._plan_retry(snapshot), caller
            )

        return self._planned(instance_id, write)

    def skip_step(self, instance_id: str, caller: Caller) -> Json:
        """Continue with the step that follows the waiting one."""

        def write(snapshot: InstanceSnapshot) -> Changed:
            return self._store.skip_step(
                instance_id, snapshot.instance.revision, self._plan_skip(snapshot), caller
            )

        return self._planned(instance_id, write)

    def pause_all(self, caller: Caller) -> Json:
        """Pause globally and return the control state; no task begins after the return."""
        return self._store.pause_all(caller)

    def resume_all(self, caller: Caller) -> Json:
        """End the global pause, send what fell due meanwhile, and return the control state."""
        control = self._store.resume_all(caller)
        try:
            self._dispatcher.dispatch()  # guard: resume-all-sends
        except Unavailable as error:
            # The pause has ended all the same; the next tick sends the tasks.
            self._telemetry.warn("dispatch_failed", code=error.code)
        return control

    def _planned(self, instance_id: str, write: Callable[[InstanceSnapshot], Changed]) -> Json:
        """Read, plan and write under optimistic concurrency.

        The write is refused when the instance's revision changed since it was read, for instance
        because a step committed. The plan is out of date then, so everything begins again.
        """
        for tries_left in reversed(range(_TRIES)):
            snapshot = self._store.instance_snapshot(instance_id)
            try:
                return self._sent(write(snapshot))
            except RevisionConflict:
                if not tries_left:  # guard: plan-again-on-conflict
                    raise
        raise AssertionError("the last try returns or raises")

    def _plan_retry(self, snapshot: InstanceSnapshot) -> Decision:
        if snapshot.instance.status is not InstanceStatus.FAILED:
            return _NO_DECISION
        definition = self._catalog.get(snapshot.instance.definition_id)
        random = _random(snapshot)
        return plan_retry(definition, snapshot.instance, snapshot.task, snapshot.now, random)

    def _plan_skip(self, snapshot: InstanceSnapshot) -> Decision:
        if snapshot.instance.status not in (InstanceStatus.ACTIVE, InstanceStatus.PAUSED):
            return _NO_DECISION
        definition = self._catalog.get(snapshot.instance.definition_id)
        random = _random(snapshot)
        return plan_skip(definition, snapshot.instance, snapshot.task, snapshot.now, random)

    def _sent(self, changed: Changed) -> Json:
        # After the commit, like every send; what is not sent here is sent by the tick.
        # guard: send-after-control
        send_tasks(changed.send, queue=self._queue, clock=self._clock, telemetry=self._telemetry)
        return changed.workflow


def _random(snapshot: InstanceSnapshot) -> TaskRandom:
    """Seed by the last task and the revision: a second retry of a step gets other numbers."""
    last = snapshot.task.task_id if snapshot.task else snapshot.instance.instance_id
    return TaskRandom(f"{last}:{snapshot.instance.revision}")
