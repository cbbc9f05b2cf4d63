"""Every event in `events/` is a test case with an expected result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.functions.conftest import Deployed

EVENTS = Path(__file__).resolve().parents[3] / "events"
PLACEHOLDER = "018f3a5e-0000-4000-8000-000000000001"  # stands for a workflow's id in the events


def _event(function: str, name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / function / f"{name}.json").read_text())
    return event


IMPORTS = {  # status; for a 200: imported, started, rejected
    "one_account": (200, 1, 1, 0),
    "base64_body": (200, 1, 1, 0),
    "demo_default": (200, 3, 3, 0),
    "demo_test": (200, 3, 3, 0),
    "demo_aggressive": (200, 2, 2, 0),
    "only_stored": (200, 1, 0, 0),
    "without_model": (200, 1, 0, 0),
    "original_field_name": (200, 1, 0, 0),
    "keeps_credentials": (200, 1, 0, 0),
    "with_idempotency_key": (200, 2, 2, 0),
    "spread_over_an_hour": (200, 6, 6, 0),
    "some_bad_rows": (200, 3, 2, 4),
    "unknown_workflow_type": (422,),
    "unknown_field": (422,),
    "no_accounts": (422,),
    "not_json": (400,),
    "read_scope_only": (403,),
}
CALLS = {  # after `one_account`: its workflow waits for its first step
    "open_health": 200,
    "open_openapi": 200,
    "health": 200,
    "me": 200,
    "stats": 200,
    "stats_due": 200,
    "show_account": 200,
    "delete_account": 409,
    "start_workflow": 409,
    "list_workflows": 200,
    "show_workflow": 200,
    "workflow_history": 200,
    "pause": 200,
    "resume_freeze": 200,
    "resume_run_on": 200,
    "stop": 200,
    "retry": 409,
    "run_now": 200,
    "skip_step": 200,
    "control": 200,
    "pause_all": 200,
    "resume_all": 200,
    "list_definitions": 200,
    "show_definition": 200,
    "definition_schema": 200,
    "publish_definition": 201,
    "publish_without_precondition": 428,
    "validate_definition": 200,
    "failed_tasks": 200,
    "create_import": 201,
    "list_imports": 200,
    "show_import": 404,
    "rejected_rows": 404,
    "cancel_import": 404,
    "unknown_workflow": 404,
    "unknown_route": 404,
    "unknown_query": 422,
    "method_not_allowed": 405,
    "read_scope_only": 403,
    "not_json": 400,
}
IMPORT_EVENTS = {
    "bucket_set_up": 0,
    "file_uploaded": 0,
    "wake_up": 0,
    "unreadable_body": 1,
}  # failed messages; the import does not exist
BATCHES = {  # failed messages of a batch; no task in them exists
    "one_task": 0,
    "tasks_due_together": 0,
    "full_batch": 0,
    "duplicate_delivery": 0,
    "cancel": 0,
    "reclaimed": 0,
    "unreadable_body": 1,
    "unknown_version": 1,
}


def test_every_event_is_a_case_here_or_in_the_migrations_suite() -> None:
    """A new event needs an expectation here or in the suite of migrations."""
    cases = {
        "import_accounts": set(IMPORTS),
        "api": set(CALLS),
        "step": set(BATCHES),
        "import_file": set(IMPORT_EVENTS),
        "tick": {"minute"},
        "maintenance": {"periodic"},
    }
    for function, names in cases.items():
        assert {path.stem for path in (EVENTS / function).iterdir()} == names, function


@pytest.mark.parametrize("name", IMPORTS)
def test_an_import_is_answered(deployed: Deployed, name: str) -> None:
    """Valid rows are stored and started; invalid rows and requests are refused."""
    status, body = deployed.answer("import_accounts", _event("import_accounts", name))
    wanted, *counts = IMPORTS[name]
    assert status == wanted
    if status == 200:
        assert [body["imported"], body["started"], body["rejected"]] == counts
    else:
        assert body["status"] == status
        assert deployed.database.value("select count(*) from accounts") == 0


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_answered(deployed: Deployed, name: str) -> None:
    """Each control call has its effect on an imported workflow."""
    _, imported = deployed.answer("import_accounts", _event("import_accounts", "one_account"))
    definition_id = imported["results"][0]["workflow"]["instanceId"]
    event = json.loads(json.dumps(_event("api", name)).replace(PLACEHOLDER, definition_id))
    status, body = deployed.answer("api", event)
    assert status == CALLS[name], body
    if status >= 400:
        assert body["status"] == status
        assert body["code"]


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_of_messages_is_acknowledged(deployed: Deployed, name: str) -> None:
    """A pointer to a missing task is dropped; only an unreadable message is reported as failed."""
    failures = deployed.invoke("step", _event("step", name))["batchItemFailures"]
    assert len(failures) == BATCHES[name]


@pytest.mark.parametrize("name", IMPORT_EVENTS)
def test_an_event_about_an_import_is_acknowledged(deployed: Deployed, name: str) -> None:
    """A wake-up message about a missing import is acknowledged.

    Only an unreadable one is reported as failed.
    """
    failures = deployed.invoke("import_file", _event("import_file", name))["batchItemFailures"]
    assert len(failures) == IMPORT_EVENTS[name]


def test_a_tick_claims_what_falls_due(deployed: Deployed) -> None:
    """A tick after an import of `test` finds nothing to claim: the import queued its task."""
    deployed.answer("import_accounts", _event("import_accounts", "one_account"))
    report = deployed.invoke("tick", _event("tick", "minute"))
    assert (report["claimed"], report["sent"]) == (0, 0)
    assert deployed.database.value("select last_tick_at is not null from engine_control") is True


def test_maintenance_prepares_history_and_checks_health(deployed: Deployed) -> None:
    """After a tick and a maintenance pass the engine is healthy and coming days have partitions."""
    deployed.invoke("tick", _event("tick", "minute"))
    done = deployed.invoke("maintenance", _event("maintenance", "periodic"))
    assert (done["health"], done["reasons"]) == ("ok", [])
    assert (
        deployed.database.value(
            "select count(*) from pg_inherits where inhparent = 'step_history'::regclass"
        )
        > 1
    )
