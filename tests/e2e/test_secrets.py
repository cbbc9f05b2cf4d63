"""I10: a planted credential is found only in its ciphertext and in the registration call."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
import pytest

from tests.e2e.local_stack import LocalStack, wait_until
from tests.e2e.proof import aws, frozen, peek
from tests.e2e.talkative_service import FAILING, SLOW, TalkativeService

CORE = "Plant3dCr3dential9mQx27vRzT"  # letters and digits: JSON, URLs and SQL write them unchanged
SECRET = f"{CORE} ü/+&=\"'\\%"
CREDENTIALS = {"password": SECRET, "session": {"cookies": [SECRET]}}
ACCOUNTS = ("good", SLOW, *FAILING)
ENV = {"MAX_ATTEMPTS": "2", "RETRY_BASE_SECONDS": "1"}


def disguises(text: str) -> set[bytes]:
    """Return a text in clear, in hexadecimal, and in base64 at each byte offset."""
    raw = text.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), raw.decode().encode("utf-16-le")}
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)[
            math.ceil(before * 4 / 3) : (before + len(raw)) // 3 * 4
        ]
        found |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return found


SHAPES = disguises(CORE)


def planted_in(texts: Iterable[str | bytes]) -> list[str]:
    """Return the texts that hold the credential in any form."""
    raws = [text.encode() if isinstance(text, str) else text for text in texts]
    return [
        raw[:300].decode(errors="replace") for raw in raws if any(shape in raw for shape in SHAPES)
    ]


@dataclass(slots=True)
class Evidence:
    """Everything that was observed while credentials were imported, used and refused."""

    stack: LocalStack
    service: TalkativeService
    answers: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    locks: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, **content: object) -> httpx.Response:
        """Call the API and keep the whole response."""
        answer = self.stack.api.request(method, path, **content)  # type: ignore[arg-type]
        self.answers.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
        return answer


def account(name: str, **content: object) -> dict[str, object]:
    """Return a row of an import."""
    return {
        "accountId": name,
        "modelId": "m",
        "channelId": "c",
        "credentials": CREDENTIALS,
        **content,
    }


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """Import accounts with planted credentials, registered or not, and send many bad requests."""
    service = TalkativeService()
    stack = LocalStack(
        tmp_path_factory.mktemp("secrets"), "--speed", "20", "--actions-url", service.url, env=ENV
    )
    try:
        seen = Evidence(stack, service)
        stack.publish(
            "planted",
            [
                {
                    "id": "bio",
                    "action": "add_bio",
                    "bio": "Fond of long walks.",
                    "delay": "100s",
                    "timeout": "30d",
                }
            ],
        )
        import_twice(seen)
        with frozen(stack):
            seen.messages = peek(stack)
        assert service.writing.wait(30)
        seen.locks = [
            json.dumps(item)
            for item in aws(stack, "dynamodb").scan(TableName=stack.facts["lockTable"])["Items"]
        ]
        service.go_on.set()
        # A service that leaves calls without a usable response is waited for: a person ends that.
        fresh = (
            "select 1 from workflow_instances i join scheduled_tasks t"
            " on t.workflow_instance_id = i.id and t.is_live"
            " where coalesce((t.payload ->> 'deferrals')::int, 0) < 2"
        )
        wait_until(lambda: not stack.rows(fresh), 60, "no workflow that waits for its first try")
        live = "select id from workflow_instances where is_live"
        for row in stack.rows(live):
            stack.command(row["id"], "stop")
        wait_until(lambda: not stack.rows(live), 60, "the end of all workflows")
        send_badly(seen)
        look_everywhere(seen)
        yield seen
    finally:
        stack.end()
        service.stop()


def import_twice(seen: Evidence) -> None:
    """Import with a key, repeat it, send another body under the key, and import once more."""
    body = {
        "accounts": [account(name) for name in ACCOUNTS],
        "startAutomation": True,
        "workflowType": "planted",
    }
    once = {"idempotency-key": "import-of-planted-credentials"}
    first = seen.ask("POST", "/v1/accounts/import", json=body, headers=once)
    assert first.json()["started"] == len(ACCOUNTS), first.text
    assert seen.ask("POST", "/v1/accounts/import", json=body, headers=once).json() == first.json()
    assert (
        seen.ask(
            "POST", "/v1/accounts/import", json={**body, "spreadSeconds": 1}, headers=once
        ).status_code
        == 422
    )
    assert (
        seen.ask("POST", "/v1/accounts/import", json={"accounts": [account("unused")]}).json()[
            "imported"
        ]
        == 1
    )
    assert (
        seen.ask(
            "POST", "/v1/accounts/import", json={"accounts": [account("unused", modelId="m2")]}
        ).json()["imported"]
        == 1
    )


def send_badly(seen: Evidence) -> None:
    """Send the credential in every invalid place."""
    row = account("bad")
    rows: list[object] = [
        SECRET,
        [SECRET],
        {**row, "credentials": SECRET},
        {**row, "credentials": [SECRET]},
        {**row, "credentials": {"password": SECRET * 1000}},
        {**row, "config": SECRET},
        {**row, "modelId": {"x": SECRET}},
        {**row, "channelId": [SECRET]},
        {**row, "accountId": [SECRET]},
        {**row, "accountId": None},
        {**row, "password": SECRET},
    ]
    answer = seen.ask(
        "POST",
        "/v1/accounts/import",
        json={"accounts": rows},
        headers={"idempotency-key": "bad-rows"},
    )
    assert answer.json()["rejected"] >= len(rows) - 1, answer.text
    good = {"accounts": [row]}
    text = json.dumps(good)
    bodies = (
        (text[:-2], "json"),
        (text, "xml"),
        (text.replace('"m"', "NaN"), "json"),
        (text.replace('"m"', "[" * 90 + "]" * 90), "json"),
        (f'{{"accounts": [], {text[1:]}', "json"),
    )
    for content, kind in bodies:
        answer = seen.ask(
            "POST",
            "/v1/accounts/import",
            content=content,
            headers={"content-type": f"application/{kind}"},
        )
        assert 400 <= answer.status_code < 500, answer.text
    answer = seen.ask(
        "POST",
        "/v1/accounts/import",
        content=text.replace('"m"', r'"\u0000"'),
        headers={"content-type": "application/json"},
    )
    assert answer.json()["rejected"] == 1, answer.text
    for wrong in (
        {"startAutomation": SECRET},
        {"workflowType": SECRET},
        {"spreadSeconds": SECRET},
        {"accounts": SECRET},
        {"password": SECRET},
    ):
        assert seen.ask("POST", "/v1/accounts/import", json={**good, **wrong}).status_code == 422
    for path in (
        f"/v1/workflows/{quote(SECRET, safe='')}",
        f"/v1/accounts/{quote(SECRET, safe='')}",
        f"/v1/definitions/{CORE}",
    ):
        assert seen.ask("GET", path).status_code == 404
    assert seen.ask("GET", "/v1/workflows", params={"limit": SECRET}).status_code == 422
    assert (
        seen.ask("POST", "/v1/definitions/validate", json={"type": SECRET, "steps": SECRET}).json()[
            "valid"
        ]
        is False
    )
    assert (
        seen.ask("GET", "/v1/workflows", headers={"authorization": f"Bearer {CORE}"}).status_code
        == 401
    )


def look_everywhere(seen: Evidence) -> None:
    """Read everything that the API shows of the accounts and their workflows."""
    workflows = seen.ask("GET", "/v1/workflows").json()["items"]
    assert {item["accountId"]: item["status"] for item in workflows} == {
        name: "failed" if name == "refused" else "stopped" if name in FAILING else "completed"
        for name in ACCOUNTS
    }
    for item in workflows:
        assert seen.ask("GET", f"/v1/workflows/{item['id']}").status_code == 200
        history = seen.ask("GET", f"/v1/workflows/{item['id']}/history").json()["items"]
        assert bool(history) is (item["status"] != "stopped")
        assert seen.ask("GET", f"/v1/accounts/{item['accountId']}").json()["hasCredentials"] is True
    assert len(seen.ask("GET", "/v1/tasks/failed").json()["items"]) == 1
    for path in ("/v1/stats", "/v1/stats/due", "/v1/health", "/v1/control", "/v1/definitions"):
        seen.ask("GET", path)


def test_only_the_registration_call_carries_it(evidence: Evidence) -> None:
    """Every account was registered with its exact credentials, and no other call holds them."""
    registrations = [
        call
        for call in evidence.service.calls
        if call.method == "PUT" and call.path.count("/") == 2
    ]
    assert {call.path.rpartition("/")[2] for call in registrations} == set(ACCOUNTS)
    assert all(json.loads(call.body)["credentials"] == CREDENTIALS for call in registrations)
    assert len(planted_in(call.body for call in registrations)) == len(registrations), (
        "the search finds what is there"
    )
    others = [call for call in evidence.service.calls if call not in registrations]
    assert others
    assert (
        planted_in(f"{call.path} {call.query} {call.headers} {call.body!r}" for call in others)
        == []
    )
    assert planted_in(f"{call.path} {call.query} {call.headers}" for call in registrations) == []


def test_no_column_of_any_table_holds_it(evidence: Evidence) -> None:
    """No row of any table holds the credential in any form; the ciphertext is there."""
    tables = evidence.stack.rows(
        "select quote_ident(table_schema) || '.' || quote_ident(table_name) as name"
        " from information_schema.tables where table_type = 'BASE TABLE'"
        " and table_schema not in ('pg_catalog', 'information_schema')"
    )
    content = {
        table["name"]: [
            row["text"]
            for row in evidence.stack.rows(f"select t::text as text from {table['name']} t")
        ]
        for table in tables
    }
    filled = {name for name, found in content.items() if found}
    assert filled >= {
        f"public.{name}"
        for name in ("accounts", "scheduled_tasks", "import_requests", "audit_log", "step_history")
    }
    assert {name: found for name, texts in content.items() if (found := planted_in(texts))} == {}
    ciphertexts = evidence.stack.rows(
        "select credentials_ciphertext as bytes from accounts"
        " where credentials_ciphertext is not null"
    )
    assert len(ciphertexts) == len(ACCOUNTS) + 1
    assert planted_in(bytes(row["bytes"]) for row in ciphertexts) == []


def test_no_message_and_no_lock_holds_it(evidence: Evidence) -> None:
    """Messages contain pointers and locks their owners; none contains the credential."""
    assert sum(message.count('"submit"') for message in evidence.messages) == len(ACCOUNTS)
    assert any(SLOW in item for item in evidence.locks)
    assert planted_in([*evidence.messages, *evidence.locks]) == []


def test_no_answer_holds_it(evidence: Evidence) -> None:
    """No response holds the credential, neither of a read nor of a bad request."""
    assert len(evidence.answers) > 50
    assert planted_in(evidence.answers) == []


def test_no_log_line_and_no_metric_holds_it(evidence: Evidence) -> None:
    """No log line and no metric holds the credential, of any function or of the stack."""
    logs = {
        path.name: path.read_bytes()
        for path in [*(evidence.stack.data_dir / "logs").iterdir(), evidence.stack.output]
    }
    assert set(logs) >= {
        "api.log",
        "import_accounts.log",
        "step.log",
        "tick.log",
        "stack.log",
        "output.log",
    }
    assert b"registration_refused" in logs["step.log"]
    assert b'"StepsFailed"' in logs["step.log"]
    assert planted_in(logs.values()) == []


def test_no_file_holds_it(evidence: Evidence) -> None:
    """No file of the data directory holds the credential, the database's pages included."""
    assert evidence.stack.stop() == 0
    files = [path for path in evidence.stack.data_dir.rglob("*") if path.is_file()]
    assert any("pg_wal" in path.parts for path in files)
    assert [path for path in files if planted_in([path.read_bytes()])] == []
