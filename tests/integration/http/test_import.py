"""An import by request: a thousand rows, some of them bad, once and repeated."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from tests.contracts.endpoints import client
from tests.integration.http.conftest import Api, ApiResponse

SECRET = "hunter2-planted-credential"
GOOD = {
    "accountId": "a",
    "modelId": "m",
    "channelId": "c",
    "credentials": {"token": SECRET},
    "config": {"tone": "dry"},
}


def rows_of(answer: ApiResponse) -> list[tuple[str, str]]:
    """Return the status of each row and of its start."""
    return [(row["status"], row["workflow"]["status"]) for row in answer.body["results"]]


def a_thousand() -> list[dict[str, Any]]:
    """Return a thousand rows; every hundredth is bad, each in another way."""
    rows: list[dict[str, Any]] = [GOOD | {"accountId": f"account-{n}"} for n in range(1000)]
    rows[99] = {"modelId": "m"}
    rows[199] = {"accountId": "no spaces please"}
    rows[299] = rows[0]
    rows[399]["credentials"] = SECRET
    rows[499]["surprise"] = 1
    rows[599]["modelId"] = ""
    rows[699]["config"] = {"x": "y" * 20_000}
    rows[799] = "not an object"  # type: ignore[call-overload]  # on purpose
    rows[899]["channelId"] = 7
    rows[999] = {}
    return rows


def test_a_thousand_rows_some_bad(http: Api) -> None:
    """Valid rows are stored and started; each bad one is reported with its pointer."""
    answer = http.load(*a_thousand())
    assert answer.status == 200, answer.body
    assert {name: answer.body[name] for name in ("imported", "started", "rejected")} == {
        "imported": 990,
        "started": 990,
        "rejected": 10,
    }
    bad = {
        row["index"]: [error["pointer"] for error in row["problem"]["errors"]]
        for row in answer.body["results"]
        if "problem" in row
    }
    assert bad == {
        99: ["/accounts/99/accountId"],
        199: ["/accounts/199/accountId"],
        299: ["/accounts/299/accountId"],
        399: ["/accounts/399/credentials"],
        499: ["/accounts/499/surprise"],
        599: ["/accounts/599/modelId"],
        699: ["/accounts/699"],
        799: ["/accounts/799"],
        899: ["/accounts/899/channelId"],
        999: ["/accounts/999/accountId"],
    }
    assert [row["index"] for row in answer.body["results"]] == list(range(1000))
    assert rows_of(answer)[99] == ("rejected", "rejected")
    assert http.database.value("select count(*) from accounts") == 990
    assert (
        http.database.value("select count(*) from workflow_instances where status = 'active'")
        == 990
    )
    assert http.database.value("select count(*) from scheduled_tasks") == 990
    assert http.telemetry.metrics[:3] == [
        ("AccountsImported", 990),
        ("AccountsRejected", 10),
        ("WorkflowsStarted", 990),
    ]


def test_a_credential_is_nowhere_but_in_its_ciphertext(http: Api) -> None:
    """No column, response, log line or message holds it, also when its row was rejected."""
    answer = http.load(*a_thousand(), headers={"idempotency-key": "k"}, workflow_type="test")
    again = http.load(*a_thousand(), headers={"idempotency-key": "k"}, workflow_type="test")
    shown = http.call("GET", "/v1/accounts/account-0")
    assert (again.body, shown.status, shown.body["hasCredentials"]) == (answer.body, 200, True)
    seen = (
        answer.text + again.text + shown.text + repr(http.telemetry.lines) + repr(http.messages())
    )
    assert SECRET not in seen
    tables = http.database.rows("select tablename from pg_tables where schemaname = 'public'")
    for table in tables:
        found = http.database.value(
            f"select count(*) from {table['tablename']} t where t::text like %s", (f"%{SECRET}%",)
        )
        assert found == 0, table
    for row in http.database.rows(
        "select credentials_ciphertext from accounts where credentials_ciphertext is not null"
    ):
        assert SECRET.encode() not in bytes(row["credentials_ciphertext"])


def test_the_same_request_gets_the_same_response(http: Api) -> None:
    """No row is written again, and a header marks the response as a replay."""
    first = http.load(GOOD, {"accountId": "!"}, headers={"idempotency-key": "k"})
    before = http.database.rows("select flamebot_id, credentials_version, updated_at from accounts")
    again = http.load(GOOD, {"accountId": "!"}, headers={"Idempotency-Key": "k"})
    assert (again.status, again.body) == (first.status, first.body)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (
        http.database.rows("select flamebot_id, credentials_version, updated_at from accounts")
        == before
    )
    assert http.telemetry.metrics.count(("AccountsImported", 1)) == 1


def test_another_body_under_the_key_is_refused(http: Api) -> None:
    """The response is 422, and nothing is written."""
    http.load(GOOD, headers={"idempotency-key": "k"})
    other = http.load(GOOD | {"modelId": "other"}, headers={"idempotency-key": "k"})
    assert (other.status, other.body["code"]) == (422, "idempotency_key_reused")
    assert http.call("GET", "/v1/accounts/a").body["modelId"] == "m"


def test_a_key_belongs_to_its_caller(http: Api) -> None:
    """The same key of another caller is another key."""
    http.load(GOOD, headers={"idempotency-key": "k"})
    other = http.load(
        GOOD | {"modelId": "other"}, headers={"idempotency-key": "k"}, sub="another-caller"
    )
    assert (other.status, other.body["imported"]) == (200, 1)


def test_a_key_expires_after_a_day(http: Api) -> None:
    """Then it can be used for another request."""
    http.load(GOOD, headers={"idempotency-key": "k"})
    http.database.rows("update import_requests set created_at = created_at - interval '25 hours'")
    other = http.load(GOOD | {"modelId": "other"}, headers={"idempotency-key": "k"})
    assert (other.status, other.body["results"][0]["status"]) == (200, "updated")


def test_a_request_of_bad_rows_only_is_remembered_too(http: Api) -> None:
    """Its response is replayed like any other."""
    first = http.load({"accountId": "!"}, headers={"idempotency-key": "k"})
    again = http.load({"accountId": "!"}, headers={"idempotency-key": "k"})
    assert (first.body["rejected"], again.body, again.headers["Idempotent-Replayed"]) == (
        1,
        first.body,
        "true",
    )


@pytest.mark.parametrize("key", ["", "a" * 201, "ä"])
def test_an_invalid_key_is_refused(http: Api, key: str) -> None:
    """The response is 422 with a pointer to the header."""
    answer = http.load(GOOD, headers={"idempotency-key": key})
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, "/headers/Idempotency-Key")


def test_the_same_request_many_times_at_once(connect: Callable[..., Api]) -> None:
    """One is processed; the others get its response or `idempotency_in_flight`."""
    apis = [connect() for _ in range(6)]
    rows = [GOOD | {"accountId": f"account-{n}"} for n in range(50)]
    with ThreadPoolExecutor(len(apis)) as threads:
        answers = list(
            threads.map(lambda api: api.load(*rows, headers={"idempotency-key": "k"}), apis)
        )
    done = [answer for answer in answers if answer.status == 200]
    assert {answer.body["code"] for answer in answers if answer.status != 200} <= {
        "idempotency_in_flight"
    }
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status == 409)
    assert len({json.dumps(answer.body) for answer in done}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in done) == 1
    assert apis[0].database.value("select count(*) from workflow_instances") == 50
    assert (
        apis[0].database.value("select count(*) from audit_log where action = 'import_accounts'")
        == 50
    )


def test_many_imports_of_the_same_accounts_at_once(connect: Callable[..., Api]) -> None:
    """Each account gets one instance; no request fails and none deadlocks."""
    apis = [connect() for _ in range(4)]
    rows = [GOOD | {"accountId": f"account-{n}"} for n in range(40)]
    with ThreadPoolExecutor(len(apis)) as threads:
        answers = list(
            threads.map(lambda one: one[1].load(*rows[:: 1 if one[0] % 2 else -1]), enumerate(apis))
        )
    assert [answer.status for answer in answers] == [200] * len(apis)
    assert sum(answer.body["started"] for answer in answers) == 40
    assert apis[0].database.value("select count(*) from workflow_instances where is_live") == 40


def test_importing_again_updates_and_leaves_the_workflow_alone(http: Api) -> None:
    """Fields that are left out keep their value, credentials too; a live workflow continues."""
    first = http.load(GOOD)
    stored = http.database.one("select credentials_ciphertext, credentials_version from accounts")
    again = http.load({"accountId": "a", "channelId": "other"})
    assert rows_of(again) == [("updated", "already_active")]
    assert (
        again.body["results"][0]["workflow"]["instanceId"]
        == first.body["results"][0]["workflow"]["instanceId"]
    )
    account = http.call("GET", "/v1/accounts/a").body
    assert (account["modelId"], account["channelId"], account["config"]) == (
        "m",
        "other",
        {"tone": "dry"},
    )
    now = http.database.one("select credentials_ciphertext, credentials_version from accounts")
    assert bytes(now["credentials_ciphertext"]) == bytes(stored["credentials_ciphertext"])
    assert now["credentials_version"] > stored["credentials_version"]


def test_an_incomplete_account_is_stored_but_not_started(http: Api) -> None:
    """The account is imported; its start is rejected with the reason."""
    answer = http.load({"accountId": "a"})
    assert rows_of(answer) == [("created", "rejected")]
    problem = answer.body["results"][0]["problem"]
    assert problem["code"] == "account_incomplete"
    assert [error["pointer"] for error in problem["errors"]] == [
        "/accounts/0/modelId",
        "/accounts/0/channelId",
    ]
    (again,) = http.load({"accountId": "a", "channelId": "c"}).body["results"]
    assert [error["pointer"] for error in again["problem"]["errors"]] == ["/accounts/0/modelId"]
    assert {name: answer.body[name] for name in ("imported", "started", "rejected")} == {
        "imported": 1,
        "started": 0,
        "rejected": 0,
    }


def test_stored_fields_complete_a_start(http: Api) -> None:
    """A second import of the id alone starts the account that the first one stored."""
    assert rows_of(http.load(GOOD, start=False)) == [("created", "not_requested")]
    assert rows_of(http.load({"accountId": "a"})) == [("updated", "started")]
    assert http.database.value("select account_data ->> 'model_id' from workflow_instances") == "m"


def test_unusual_values_are_stored_unchanged(http: Api) -> None:
    """Every JSON value that can be stored is returned unchanged."""
    odd: dict[str, Any] = {
        "": None,
        "n": 10**4000,
        "f": 1.5,
        "z": -0.5,
        "e": "\U0001f600",
        "q": "\\u0000 '%s' {}",
        "l": [[], {}],
        "d": {"a": {"b": {}}},
    }
    assert (
        http.load({"accountId": "a", "config": odd, "credentials": odd}, start=False).body[
            "imported"
        ]
        == 1
    )
    assert http.call("GET", "/v1/accounts/a").body["config"] == odd


def test_the_account_names_its_live_workflow(http: Api) -> None:
    """The account shows the id and the status of its live workflow."""
    http.load(GOOD, start=False)
    assert http.call("GET", "/v1/accounts/a").body["liveWorkflowId"] is None
    instance_id = http.call("POST", "/v1/accounts/a/workflows").body["id"]
    account = http.call("GET", "/v1/accounts/a").body
    assert (account["liveWorkflowId"], account["liveWorkflowStatus"]) == (instance_id, "active")


def test_text_that_cannot_be_stored_rejects_its_row_alone(http: Api) -> None:
    """NUL or half a surrogate pair rejects its row with a pointer; other rows are stored."""
    answer = http.load(
        GOOD,
        GOOD | {"accountId": "b\0"},
        GOOD | {"accountId": "c", "config": {"deep": [{"name\0": 1}]}},
        GOOD | {"accountId": "d", "modelId": "\ud800"},
    )
    assert [row["status"] for row in answer.body["results"]] == [
        "created",
        "rejected",
        "rejected",
        "rejected",
    ]
    pointers = [row["problem"]["errors"][0]["pointer"] for row in answer.body["results"][1:]]
    assert pointers == [
        "/accounts/1/accountId",
        "/accounts/2/config/deep/0",
        "/accounts/3/modelId",
    ]
    assert http.database.value("select count(*) from accounts") == 1


def test_an_unknown_type_rejects_the_request(http: Api) -> None:
    """The response is 422, and nothing is stored."""
    answer = http.load(GOOD, workflow_type="nosuch")
    assert (answer.status, answer.body["code"]) == (422, "unknown_workflow_type")
    assert http.database.value("select count(*) from accounts") == 0


def test_starts_are_spread_evenly(http: Api) -> None:
    """Ten accounts over a thousand seconds start a hundred seconds apart."""
    body = {
        "accounts": [GOOD | {"accountId": f"a{n}"} for n in range(10)],
        "startAutomation": True,
        "workflowType": "test",
        "spreadSeconds": 1000,
    }
    assert http.call("POST", "/v1/accounts/import", body=body).body["started"] == 10
    due = [
        row["scheduled_for"]
        for row in http.database.rows(
            "select scheduled_for from scheduled_tasks order by account_id"
        )
    ]
    waits = [(later - sooner).total_seconds() for sooner, later in pairwise(due)]
    assert waits == pytest.approx([100] * 9, abs=0.001)


def test_tasks_due_soon_are_sent_at_once(http: Api) -> None:
    """The definition `test` waits for 30 seconds first: the import itself sends that task."""
    http.load(GOOD, workflow_type="test")
    task = http.database.one(
        "select status, sends, scheduled_for - clock_timestamp() as left from scheduled_tasks"
    )
    assert (task["status"], task["sends"]) == ("queued", 1)
    assert 20 < task["left"].total_seconds() <= 30
    assert ("TasksSent", 1) in http.telemetry.metrics


def test_a_thousand_rows_take_a_few_statements(http: Api) -> None:
    """A thousand accounts with workflows commit fewer than a hundred transactions."""
    before = http.database.value(
        "select coalesce(sum(xact_commit), 0) from pg_stat_database"
        " where datname = current_database()"
    )
    http.load(*(GOOD | {"accountId": f"account-{n}"} for n in range(1000)))
    http.database.rows("select pg_stat_force_next_flush()")
    after = http.database.value(
        "select coalesce(sum(xact_commit), 0) from pg_stat_database"
        " where datname = current_database()"
    )
    assert after - before < 100


def test_an_unavailable_key_service_stores_nothing(connect: Callable[..., Api]) -> None:
    """The response is 503 with Retry-After, and the request can be repeated."""
    nowhere = client("kms", "http://127.0.0.1:9")
    http = connect(nowhere)
    answer = http.load(GOOD, headers={"idempotency-key": "k"})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert http.database.value("select count(*) from accounts") == 0
    assert connect().load(GOOD, headers={"idempotency-key": "k"}).status == 200


def test_an_id_is_answered_under_the_name_that_was_sent(http: Api) -> None:
    """The field flamebotId is another name of accountId, for new and for stored responses."""
    rows = [
        {"flamebotId": "a"},
        {"accountId": "b"},
        {"flamebotId": "b", "modelId": " m"},
        {"accountId": "c", "flamebotId": "c"},
    ]
    answer = http.load(*rows, start=False, headers={"idempotency-key": "names"})
    assert http.load(*rows, start=False, headers={"idempotency-key": "names"}).body == answer.body
    names = [
        (name, row[name]) for row in answer.body["results"] for name in row if name.endswith("Id")
    ]
    assert names == [
        ("flamebotId", "a"),
        ("accountId", "b"),
        ("flamebotId", "b"),
        ("flamebotId", "c"),
    ]
    assert [row["status"] for row in answer.body["results"]] == [
        *("created", "created", "rejected", "rejected"),
    ]
    pointers = [
        error["pointer"]
        for row in answer.body["results"]
        for error in row.get("problem", {}).get("errors", [])
    ]
    assert pointers == ["/accounts/2/flamebotId", "/accounts/3/flamebotId"]
    assert http.call("GET", "/v1/accounts/a").body["accountId"] == "a"
