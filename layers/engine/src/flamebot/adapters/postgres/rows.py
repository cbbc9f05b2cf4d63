"""Between rows and values: what SQL is sent as JSON, and what it answers."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, cast

from flamebot.domain.begun import Begun, Early
from flamebot.domain.committed import CommitItem, Committed
from flamebot.domain.decision import Decision
from flamebot.domain.ids import AccountId, DefinitionId, InstanceId, TaskId
from flamebot.domain.instance import AccountData, Instance, InstanceStatus
from flamebot.domain.message import TaskPointer
from flamebot.domain.service_call import Service, ServiceRecord
from flamebot.domain.task import PHASES, EffectRequest, Payload, Task
from flamebot.domain.text_issue import TextIssueKind
from flamebot.ports.admin_store import Started, StartRow

Json = dict[str, Any]
_FIELDS: dict[type, tuple[str, ...]] = {}
_AS_IT_IS = frozenset({str, int, float, bool, type(None), dict, list})
_STATUSES = {status.value: status for status in InstanceStatus}
_GENERATIONS = {Service.ACTIONS: "actions_generation", Service.AI: "ai_generation"}
_MOMENTS = {"started_at", "deferred_at", "unanswered_since"}  # of a payload
_COMPACT = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
# JSON escapes that jsonb refuses: NUL, and half of a surrogate pair. A whole pair (an emoji) is
# valid, and after an escaped backslash "u" is an ordinary letter.
_SUSPECT = re.compile(r"\\(\\|u(0000|d[89ab]..(?!\\ud[c-f])|(?<!\\ud[89ab]..\\u)d[c-f]))")


def to_json(value: object) -> str:
    """Return JSON text that Postgres accepts; characters that jsonb refuses are replaced."""
    # Replaced and not refused: the text came from a service after its effect, and a refused commit
    # would lose the result.
    try:
        text = _COMPACT.encode(value)
    except ValueError:  # NaN or an infinity, which Python's parser lets in
        return json.dumps(_storable(value), allow_nan=False, separators=(",", ":"))
    return json.dumps(_storable(value), separators=(",", ":")) if _SUSPECT.search(text) else text


def _storable(value: object) -> object:
    match value:
        case str():
            return (
                value.replace("\x00", "\ufffd")
                .encode("utf-16-le", "surrogatepass")
                .decode("utf-16-le", "replace")
            )
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {str(_storable(key)): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
    return value


def decision_json(decision: Decision) -> Json:
    """Return a decision as the SQL functions read it: field names as keys, without None."""
    document = _plain(decision)
    assert isinstance(document, dict)
    return document


def _plain(value: object) -> object:
    # By exact type: `isinstance` checks took a sixth of a step's processor time.
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is Payload:
        return payload_json(cast(Payload, value))
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if names := _fields_of(kind):
        document = {}
        for name in names:
            item = getattr(value, name)
            if item is not None:
                document[name] = item if type(item) in _AS_IT_IS else _plain(item)
        return document
    return value


def _fields_of(kind: type) -> tuple[str, ...]:
    """Return the names of a dataclass's fields; none for any other type."""
    names = _FIELDS.get(kind)
    if names is None:
        names = _FIELDS[kind] = (
            tuple(field.name for field in dataclasses.fields(kind))
            if dataclasses.is_dataclass(kind)
            else ()
        )
    return names


def payload_json(payload: Payload) -> Json:
    """Return a task's payload as it is stored, without fields that have their default."""
    document = {}
    for name in _fields_of(Payload):
        item = getattr(payload, name)
        if item is not None and item != 0:
            document[name] = item if type(item) in _AS_IT_IS else _plain(item)
    return document


def payload_of(stored: Mapping[str, Any]) -> Payload:
    """Return a stored payload.

    Unknown fields are ignored: during a deploy newer code may have written them.
    """
    known = _fields_of(Payload)
    values = {name: item for name, item in stored.items() if name in known and item is not None}
    if "request" in values:
        request = values["request"]
        values["request"] = EffectRequest(
            method=request["method"], path=request["path"], body=request["body"]
        )
    if "text_issues" in values:
        known_kinds = tuple(TextIssueKind)
        kinds = (TextIssueKind(kind) for kind in values["text_issues"] if kind in known_kinds)
        values["text_issues"] = tuple(kinds)
    for name in _MOMENTS & values.keys():
        values[name] = moment(values[name])
    return Payload(**values)


def moment(value: datetime | str) -> datetime:
    """Return a time in UTC, from a column or from JSON."""
    # psycopg2 returns the session's zone; comparing zones is slower than comparing UTC.
    if isinstance(value, datetime) and value.tzinfo is UTC:
        return value
    return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(UTC)


def task_pointer(row: Mapping[str, Any]) -> TaskPointer:
    """Return the pointer to a queued task, from columns or from JSON.

    The row has `task_id, fence, account_id, phase, due, alone`.
    """
    return TaskPointer(
        task_id=TaskId(row["task_id"]),
        fence=row["fence"],
        account_id=AccountId(row["account_id"]),
        phase=PHASES[row["phase"]],
        due=moment(row["due"]),
        alone=bool(row["alone"]),
    )


def send_of(row: Mapping[str, Any]) -> TaskPointer | None:
    """The pointer in a row's `send`, if there is one."""
    return task_pointer(row["send"]) if row["send"] else None


def task_of(row: Mapping[str, Any]) -> Task:
    """Return a row of `scheduled_tasks`, as columns or as JSON.

    `reclaim_reason` is set in rows of reclaim_expired.
    """
    first = row["first_begun_at"]
    return Task(
        task_id=TaskId(row["task_id"]),
        sequence=row["sequence"],
        step_id=row["step_id"],
        action=row["action"],
        phase=PHASES[row["phase"]],
        scheduled_for=moment(row["scheduled_for"]),
        attempts=row["attempts"],
        reclaims=row["reclaims"],
        sends=row["sends"],
        fence=row["fence"],
        payload=payload_of(row["payload"]),
        outcome_unknown=row["outcome_unknown"],
        first_begun_at=moment(first) if first else None,
        reclaim_reason=row.get("reclaim_reason"),
    )


def instance_of(row: Mapping[str, Any], *, key: str = "id", status: str = "status") -> Instance:
    """Return a row of `workflow_instances`, from columns or from JSON.

    Args:
        row: The row.
        key: The name of the id's column, which a join renames.
        status: The name of the status column, likewise.
    """
    account = row["account_data"]
    return Instance(
        instance_id=InstanceId(str(row[key])),
        account=AccountData(
            account_id=AccountId(row["account_id"]),
            model_id=account.get("model_id") or "",
            channel_id=account.get("channel_id") or "",
            config=account.get("config") or {},
        ),
        definition_id=DefinitionId(row["workflow_id"]),
        status=_STATUSES[row[status]],
        current_step=row["current_step"],
        context=row["execution_context"],
        iterations=row["goto_iterations"],
        revision=row["revision"],
    )


def begin_result_of(row: Mapping[str, Any]) -> Early | Begun:
    """Return a row of begin_tasks."""
    if row["early"]:
        return Early(task_id=TaskId(row["task_id"]), now=moment(row["now"]))
    return begun_of(row)


def begun_of(row: Mapping[str, Any]) -> Begun:
    """Return a row of reclaim_expired, or one of begin_tasks that is not early."""
    return Begun(
        now=moment(row["now"]),
        task=task_of(row),
        instance=instance_of(row, key="instance_id", status="instance_status"),
        credentials_version=row["credentials_version"] or 0,
        registered_version=row["registered_version"],
        account_suspended=row["account_suspended"],
        global_paused_ms=row["global_paused_ms"],
        generations={
            service: row[column]
            for service, column in _GENERATIONS.items()
            if row[column] is not None
        },
        service_record=ServiceRecord(row["service_record"]) if row["service_record"] else None,
        late_ms=row["late_ms"],
    )


def commit_item_json(item: CommitItem) -> Json:
    """Return an item of commit_tasks.

    Raises:
        ValueError: The decision would leave a live instance without a task (I2).
    """
    decision = item.decision
    # Checked before the statement: SQL would find the missing task only at the end of its
    # transaction, and the whole group would fail with it.
    waits = decision.next is not None or (
        decision.task is not None and decision.task.to == "pending"
    )
    if decision.task is None or waits == (decision.instance.status is not None):
        raise ValueError(
            f"{item.task_id}: a decision either ends the instance or leaves it one live task"
        )
    return {"task_id": item.task_id, "fence": item.fence, "decision": decision_json(decision)}


def committed_of(row: Mapping[str, Any]) -> Committed:
    """Return a row of commit_tasks."""
    following = row["next_task_id"]
    return Committed(
        task_id=TaskId(row["task_id"]),
        accepted=True,
        instance_status=row["instance_status"],
        next_task_id=TaskId(following) if following else None,
        next_status=row["next_status"],
        next_fence=row["next_fence"],
        send=send_of(row),
    )


def start_row_json(row: StartRow) -> Json:
    """Return an argument row of start_workflows."""
    return {
        "instance_id": row.instance_id,
        "account_id": row.account_id,
        "workflow_id": row.definition_id,
        "total_steps": row.total_steps,
        "decision": decision_json(row.decision),
        "planned_at": row.planned_at.isoformat() if row.planned_at else None,
    }


def started_of(row: Mapping[str, Any]) -> Started:
    """Return a result row of start_workflows."""
    found = row["instance_id"]
    return Started(
        account_id=row["account_id"],
        status=row["status"],
        instance_id=str(found) if found else None,
        send=send_of(row),
    )
