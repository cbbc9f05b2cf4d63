"""Services over HTTP: their breakers, what people change, and workflows by the code of an error."""

from __future__ import annotations

import pytest

from tests.integration.http.conftest import Api


def test_services_are_listed_with_their_breakers(http: Api) -> None:
    """Both, by name, with times that have their zone."""
    answer = http.call("GET", "/v1/services")
    assert answer.status == 200, answer.body
    first, second = answer.body["items"]
    assert (first["name"], second["name"]) == ("actions_service", "ai_service")
    assert (first["state"], first["perSecond"], first["heldBack"], first["openings"]) == (
        "closed",
        None,
        0,
        [],
    )
    assert first["since"].endswith("Z")
    assert first["thresholds"] == {
        "probeSeconds": 15, "opensAtFailures": 3, "opensAtShare": 0.5, "rampPerSecond": 10,
    }  # fmt: skip


def test_a_person_opens_and_closes_a_service(http: Api) -> None:
    """The response is the service as it is listed; both are audited with their reason."""
    opened = http.call("POST", "/v1/services/ai_service/open", body={"reason": "their move"})
    assert (opened.status, opened.body["state"], opened.body["isManual"]) == (200, "open", True)
    assert opened.body == http.call("GET", "/v1/services").body["items"][1]
    (opening,) = opened.body["openings"]
    assert (opening["openedBy"], opening["reason"]) == ("operator", "their move")
    assert opening["openedAt"].endswith("Z")
    closed = http.call("POST", "/v1/services/ai_service/close")
    assert (closed.status, closed.body["state"]) == (200, "half_open")
    rows = http.database.rows(
        "select action, subject, reason from audit_log where subject like 'service/%' order by id"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("open_service", "service/ai_service", "their move"),
        ("close_service", "service/ai_service", None),
    ]


def test_an_unknown_service_is_not_found(http: Api) -> None:
    """The problem names the two that there are."""
    answer = http.call("POST", "/v1/services/mail_service/open")
    assert (answer.status, answer.body["code"]) == (404, "not_found")
    assert "actions_service and ai_service" in answer.body["detail"]


@pytest.mark.parametrize("action", ["open", "close"])
def test_only_an_admin_changes_a_service(http: Api, action: str) -> None:
    """Reading needs the scope read only."""
    scope = "flamebot/read flamebot/workflows.write"
    refused = http.call("POST", f"/v1/services/ai_service/{action}", scopes=scope)
    assert refused.status == 403
    assert http.call("GET", "/v1/services", scopes=scope).status == 200


def test_workflows_are_found_by_the_code_of_their_error(http: Api) -> None:
    """Of the last error of a failed one, and of what the live task of another waits for."""
    failed, waiting, other = (http.started(name) for name in ("a", "b", "c"))
    http.database.rows(
        "update workflow_instances set last_error = 'refused: refused_by_hand' where id = %s",
        (failed,),
    )
    http.database.rows(
        "update scheduled_tasks set error = 'throttled: 429' where workflow_instance_id = %s",
        (waiting,),
    )

    def found(query: str) -> list[str]:
        items = http.call("GET", "/v1/workflows", query=query).body["items"]
        return [item["id"] for item in items]

    assert found("errorCode=refused") == [failed]
    assert found("errorCode=throttled") == [waiting]
    assert found("errorCode=refused_by_hand") == []
    assert set(found("updatedAfter=2020-01-01T00:00:00Z")) == {failed, waiting, other}
    assert found("updatedBefore=2020-01-01T00:00:00Z") == []
    shown = http.call("GET", f"/v1/workflows/{waiting}").body["task"]
    assert (shown["error"], shown["deferrals"], shown["heldBackBy"]) == ("throttled: 429", 0, None)
