"""Start a workflow for an account."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from flamebot.domain.definition import Definition
from flamebot.domain.errors import AccountIncomplete, AlreadyActive, NotFound
from flamebot.domain.ids import AccountId, DefinitionId, InstanceId
from flamebot.domain.instance import AccountData, Instance, InstanceStatus
from flamebot.domain.plan import plan_start
from flamebot.domain.task_random import TaskRandom
from flamebot.ports.admin_store import AdminStore, Caller, StartRow
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json
from flamebot.ports.queue import StepQueue
from flamebot.ports.read_store import ReadStore
from flamebot.ports.telemetry import Telemetry
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.sending import send_tasks


def start_row(definition: Definition, account: AccountData, at: datetime) -> StartRow:
    """Return a new instance with its first task, whose delays count from `at` (schedule time)."""
    # The id is made here, not by the database, because the first task's random numbers are seeded
    # by it.
    instance_id = InstanceId(str(uuid4()))
    instance = Instance(
        instance_id=instance_id,
        account=account,
        definition_id=DefinitionId(definition.definition_id),
        status=InstanceStatus.ACTIVE,
        current_step=0,
    )
    return StartRow(
        instance_id=instance_id,
        account_id=account.account_id,
        definition_id=definition.definition_id,
        total_steps=len(definition.steps),
        decision=plan_start(definition, instance, at, TaskRandom(f"{instance_id}:0")),
        planned_at=at,
    )


class StartWorkflow:
    """The use case behind `POST /v1/accounts/{id}/workflows`."""

    def __init__(
        self,
        *,
        store: AdminStore,
        reads: ReadStore,
        catalog: DefinitionCatalog,
        queue: StepQueue,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._reads = reads
        self._catalog = catalog
        self._queue = queue
        self._clock = clock
        self._telemetry = telemetry

    def run(self, account_id: str, workflow_type: str, caller: Caller) -> Json:
        """Start a workflow and return it in the form of `workflow_overview`.

        Raises:
            NotFound: There is no such account.
            UnknownWorkflowType: There is no definition of this type.
            AccountIncomplete: The account has no modelId or no channelId.
            AlreadyActive: The account has a live workflow.
        """
        stored = self._reads.account(account_id)
        account = AccountData(
            account_id=AccountId(account_id),
            model_id=stored["model_id"] or "",
            channel_id=stored["channel_id"] or "",
            config=stored["config"] or {},
        )
        # Planned on data that may change before the insert: SQL decides whether the account still
        # exists, is complete and has no live workflow.
        row = start_row(self._catalog.current(workflow_type), account, self._store.now())
        (started,) = self._store.start_workflows([row], caller)
        match started.status:
            case "missing":
                raise NotFound("There is no such account.")
            case "incomplete":
                raise AccountIncomplete
            case "already_active":
                raise AlreadyActive(live_workflow_id=started.instance_id)
        self._telemetry.count("WorkflowsStarted")
        # After the commit: a message that arrives before it would find no task. A crash between the
        # two loses nothing, because the tick sends tasks whose lease has expired.
        send_tasks(
            [started.send] if started.send else [],
            queue=self._queue,
            clock=self._clock,
            telemetry=self._telemetry,
        )
        return self._reads.workflow(row.instance_id)
