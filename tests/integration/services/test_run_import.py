"""The worker of imports by file: each row is stored once, wherever a worker dies (I9)."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from flamebot.adapters.s3.events import import_ids
from flamebot.domain.message import decode
from tests.integration.services.engine import TESTER
from tests.integration.services.imports import HEADER, SECRET, Imports, csv_of


def test_a_file_becomes_accounts_and_workflows(imports: Imports) -> None:
    """A file is stored chunk by chunk, its workflows start, and it is deleted.

    The step function can decrypt the credentials; tasks that are due soon are sent.
    """
    workflow = imports.engine.define({"id": "rest", "action": "wait", "delay": "5s"})
    definition_id = imports.engine.control.current_definition(workflow)["id"]
    import_id = imports.announce(csv_of(8), definition_id=definition_id)
    assert imports.deliver(import_id) == []
    assert imports.counts(import_id) == ("completed", 8, 8, 8, 0)
    assert imports.files.content == {}
    account = imports.engine.database.one("select * from accounts where flamebot_id = 'acct-7'")
    assert (account["model_id"], account["config"], str(account["last_import_id"])) == (
        "m7",
        {"city": "Zürich"},
        import_id,
    )
    sealed = bytes(account["credentials_ciphertext"])
    assert imports.engine.vault.decrypt("acct-7", account["ciphertext_version"], sealed) == {
        "token": f"{SECRET}-7"
    }
    assert sum(len(decode(body)) for body in imports.engine.queue.bodies) == 8
    assert {task["status"] for task in imports.engine.tasks()} == {"queued"}


def test_each_bad_row_is_reported_and_the_others_are_stored(imports: Imports) -> None:
    """A bad row is reported with line and reason, as in a request, and without values (I10)."""
    text = (
        "\ufeffaccountId,model_id,channelId,credentials.token,config,credentials\r\n"
        f'a,m,c,{SECRET},"{{""x"":\n""two lines""}}",\r\n'
        f"b ad,m,c,{SECRET},,\r\n"
        "\r\n"
        f"a,m,c,{SECRET},,\r\n"
        f"d,m,c,,,{SECRET}\r\n"
        f"e,m,c,,,,{SECRET}\r\n"
        f'f,m,c,,"{{""x"": ""{"y" * 20_000}""}}",\r\n'
        f"{SECRET}!,,,,,\r\n"
        "g,,,,,\r\n"
    )
    import_id = imports.announce(text.encode() + b"h,\xff,,,,\n")
    imports.deliver(import_id)
    assert imports.counts(import_id) == ("completed", 9, 2, 0, 7)
    reported = {
        row: (account, code, [(error["pointer"], error["detail"]) for error in errors])
        for row, account, code, errors in imports.rejects(import_id)
    }
    assert {
        row: (account, code, [pointer for pointer, _ in errors])
        for row, (account, code, errors) in reported.items()
    } == {
        4: (None, "invalid", ["/accountId"]),
        6: ("a", "duplicate", ["/accountId"]),
        7: (None, "invalid", ["/credentials"]),
        8: (None, "invalid", [""]),
        9: ("f", "invalid", [""]),
        10: (None, "invalid", ["/accountId"]),
        12: ("h", "invalid", ["/modelId"]),
    }
    assert reported[7][2][0][1].startswith("Must be a JSON object. It is not JSON")
    assert reported[9][2][0][1].startswith("A row is at most 16384 bytes")
    assert SECRET not in json.dumps(reported)


def test_json_lines_are_imported_as_csv_is(imports: Imports) -> None:
    """Each line is an account as a request holds it."""
    lines = [
        {
            "accountId": "a",
            "modelId": "m",
            "credentials": {"token": SECRET, "more": [1]},
            "config": {"n": 1.5},
        },
        {"accountId": "b", SECRET: 1},
        [],
        {"accountId": "a"},
        {"accountId": "c", "credentials": {SECRET: "\x00"}},
    ]
    text = (
        "\n".join(json.dumps(line) for line in lines)
        + '\n{"accountId": "d", "accountId": "e"}\nno json\n\n{"accountId": "z"}'
    )
    import_id = imports.announce(text, format="jsonl")
    imports.deliver(import_id)
    assert imports.counts(import_id) == ("completed", 8, 2, 0, 6)
    reported = [
        (row, account, [error["pointer"] for error in errors])
        for row, account, _, errors in imports.rejects(import_id)
    ]
    assert reported == [
        (2, "b", [""]),
        (3, None, [""]),
        (4, "a", ["/accountId"]),
        (5, "c", ["/credentials"]),
        (6, None, [""]),
        (7, None, [""]),
    ]
    assert SECRET not in json.dumps(imports.rejects(import_id))


def test_no_table_ever_holds_a_credential(imports: Imports) -> None:
    """I10: no table holds a plain credential, neither staging during a chunk nor the rejects."""
    seen: list[str] = []

    class Looking:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def import_chunk(self, lease: Any, chunk: Any) -> Any:
            imports.engine.database.rows(
                "create or replace function keep() returns trigger language plpgsql"
                " as 'begin return null; end'"
            )
            imports.engine.database.rows("drop trigger if exists keep on import_staging")
            imports.engine.database.rows(
                "create trigger keep before delete on import_staging"
                " for each row execute function keep()"
            )
            answer = self._store.import_chunk(lease, chunk)
            seen.extend(
                row["t"]
                for row in imports.engine.database.rows("select t::text as t from import_staging t")
            )
            return answer

    import_id = imports.announce(csv_of(5) + f"bad one,,,{SECRET},\nacct-1,,,{SECRET},\n")
    imports.deliver(
        import_id, imports.worker(lambda name, port: Looking(port) if name == "store" else port)
    )
    assert len(seen) >= 5
    assert SECRET not in "".join(seen)
    sealed = "".join(seen)
    assert SECRET.encode().hex() not in sealed
    for table in imports.engine.database.rows(
        "select tablename from pg_tables where schemaname = 'public'"
    ):
        found = imports.engine.database.value(
            f"select count(*) from {table['tablename']} t where t::text like %s", (f"%{SECRET}%",)
        )
        assert found == 0, table
    assert SECRET not in repr(imports.engine.telemetry.__dict__)


def test_out_of_time_the_lease_is_released(imports: Imports) -> None:
    """One chunk per invocation and a wake-up message at once: no file is too large."""
    import_id = imports.announce(csv_of(10))
    invocations = 0
    while imports.row(import_id)["status"] != "completed":
        imports.wake_ups.kept.clear()
        assert imports.deliver(import_id, time_left=lambda: 20.0) == []
        invocations += 1
    assert invocations == 4
    assert imports.counts(import_id) == ("completed", 10, 10, 0, 0)


def test_duplicate_and_late_messages_are_no_ops(imports: Imports) -> None:
    """Before the upload, after the end and for an unknown import.

    Each is acknowledged, and a late upload is deleted.
    """
    import_id = imports.announce(csv_of(4))
    content = imports.files.content.pop(import_id)
    assert imports.deliver(import_id) == []
    assert imports.row(import_id)["status"] == "waiting"
    imports.files.content[import_id] = content
    for _ in range(3):
        assert imports.deliver(import_id) == []
    assert imports.counts(import_id) == ("completed", 4, 4, 0, 0)
    stray = str(uuid4())
    imports.files.content |= {import_id: content, stray: content}
    assert imports.deliver(import_id) == imports.deliver(stray) == []
    assert imports.files.content == {}
    assert imports.counts(import_id) == ("completed", 4, 4, 0, 0)


def test_an_unreadable_message_goes_to_the_dead_letters(imports: Imports) -> None:
    """A test event of S3 and an event of another object are acknowledged."""
    bodies = {
        "bad": "{",
        "list": "[]",
        "none": "{}",
        "id": '{"importId": "../x"}',
        "test": '{"Service": "Amazon S3", "Event": "s3:TestEvent"}',
        "other": json.dumps({"Records": [{"s3": {"object": {"key": f"elsewhere/{uuid4()}"}}}]}),
    }
    messages = {name: import_ids(body) for name, body in bodies.items()}
    assert imports.worker().run(messages, lambda: 1000.0) == ["bad", "list", "none", "id"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"a,m,c,{SECRET},x\n", "names no column accountId (or flamebotId)."),
        (f"accountId,{SECRET}\n", "Its first line has an unknown name in column 2."),
        ("modelId\nx\n", "names no column accountId (or flamebotId)."),
        ("accountId,flamebot_id\nx,y\n", "names a column twice: columns 1 and 2."),
        (
            f'{HEADER}a,m,c,"{SECRET}"oops,x\n',
            "line 2 is not CSV: its quotes are broken. Within quotes, a quote is written twice.",
        ),
        (
            f'{HEADER}a,m,c,t,x\nb,m,c,"{SECRET}\n' + "more\n" * 20_000,
            "ends a row of more than 65536 bytes, or a quote is not closed.",
        ),
        (
            f'{HEADER}a,m,c,"{SECRET}',
            "line 2 is not CSV: its quotes are broken. Within quotes, a quote is written twice.",
        ),
        ("x" * 70_000, "Line 1 has more than 65536 bytes."),
        (HEADER.encode("utf-16"), 'not in UTF-8. Save it as "CSV UTF-8".'),
        (b"\n", "names no column accountId (or flamebotId)."),
    ],
    ids=[
        "no header",
        "unknown name",
        "no id",
        "twice",
        "quotes",
        "open quote",
        "end in quotes",
        "one line",
        "utf-16",
        "empty",
    ],
)
def test_an_unreadable_file_fails_with_the_line(
    imports: Imports, content: str | bytes, reason: str
) -> None:
    """The error quotes nothing, the file is deleted, and the rows before stay imported."""
    import_id = imports.announce(content)
    imports.deliver(import_id)
    row = imports.row(import_id)
    assert row["status"] == "failed"
    assert row["error"].startswith("unreadable: ")
    assert row["error"].endswith(reason)
    assert SECRET not in row["error"]
    assert imports.files.content == {}


def test_a_cancelled_import_ends_at_its_next_chunk(imports: Imports) -> None:
    """Stored rows stay, and the file is deleted."""
    import_id = imports.announce(csv_of(9))

    class Cancelling:
        def __init__(self, vault: Any) -> None:
            self._vault = vault
            self.calls = 0

        def encrypt(self, secrets: Any) -> Any:
            self.calls += 1
            if self.calls == 2:
                imports.admin.cancel_import(import_id, TESTER)
            return self._vault.encrypt(secrets)

    assert (
        imports.deliver(
            import_id,
            imports.worker(lambda name, port: Cancelling(port) if name == "vault" else port),
        )
        == []
    )
    assert imports.counts(import_id) == ("cancelled", 3, 3, 0, 0)
    assert imports.files.content == {}


def test_a_spread_is_over_the_whole_file(imports: Imports) -> None:
    """A row's start depends on its position in the file, not on the worker that reads it."""
    definition_id = imports.engine.control.current_definition(
        imports.engine.define({"id": "rest", "action": "wait", "delay": "1s"})
    )["id"]
    import_id = imports.announce(
        csv_of(90, 100), definition_id=definition_id, spread=timedelta(hours=6)
    )
    while imports.row(import_id)["status"] != "completed":
        imports.deliver(import_id, time_left=lambda: 20.0)
    rows = imports.engine.database.rows(
        "select scheduled_for as at from scheduled_tasks order by account_id"
    )
    began = imports.row(import_id)["starts_at"]
    hours = [(row["at"] - began).total_seconds() / 3600 for row in rows]
    assert hours == sorted(hours)
    assert 0 <= hours[0] < 0.3
    assert 5.9 < hours[-1] < 6.1
    gaps = [later - earlier for earlier, later in pairwise(hours)]
    assert max(gaps) < 2 * 6 / 90


def test_a_file_of_another_size_than_announced_is_refused(imports: Imports) -> None:
    """The upload address excludes it; a file written in another way is not stored."""
    import_id = imports.announce(csv_of(3))
    imports.files.content[import_id] += b"x,,,,\n"
    imports.deliver(import_id)
    assert imports.counts(import_id)[:3] == ("failed", 0, 0)


def test_a_file_without_rows_completes(imports: Imports) -> None:
    """It completes with counts of zero."""
    import_id = imports.announce(HEADER)
    imports.deliver(import_id)
    assert imports.counts(import_id) == ("completed", 0, 0, 0, 0)


def test_rows_before_an_unreadable_one_are_stored(imports: Imports) -> None:
    """They are stored wherever a chunk ends, and the import fails with the line."""
    import_id = imports.announce(f'{csv_of(5)}acct-9,m,"c"c,t,x\n{csv_of(1, 10)[len(HEADER) :]}')
    imports.deliver(import_id)
    assert imports.counts(import_id) == ("failed", 5, 5, 0, 0)
    assert "line 7 is not CSV" in imports.row(import_id)["error"]


def test_a_duplicate_names_the_line_of_its_first_row(imports: Imports) -> None:
    """In the same chunk, in a later one, and after another duplicate of its own chunk."""
    import_id = imports.announce("flamebotId\na\nb\na\nc\na\na\n")
    imports.deliver(import_id)
    assert imports.counts(import_id) == ("completed", 6, 3, 0, 3)
    detail = "Appears earlier in this file, on line 2. That row was imported, this one was not."
    found = [{"pointer": "/flamebotId", "detail": detail}]
    assert imports.rejects(import_id) == [(row, "a", "duplicate", found) for row in (4, 6, 7)]


def test_values_that_look_wrong_are_counted_over_all_chunks(imports: Imports) -> None:
    """The count adds up, the line is that of the first row, and the rows are stored."""
    rows = "".join(f"{number}.5E+17,m\n" for number in range(1, 9))
    import_id = imports.announce("accountId,modelId\nfirst,m\n" + rows)
    imports.deliver(import_id)
    assert imports.counts(import_id) == ("completed", 9, 9, 0, 0)
    assert imports.row(import_id)["observed"] == {"exponent:accountId": {"count": 8, "line": 3}}
