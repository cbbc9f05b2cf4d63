"""The worker of imports by file: whoever dies, and wherever, each row is stored once (I9)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from flamebot.adapters.s3.events import import_ids
from flamebot.domain.errors import FilesUnavailable, StoreUnavailable, Unavailable
from flamebot.domain.message import decode
from tests.integration.services.engine import TESTER
from tests.integration.services.imports import HEADER, SECRET, Imports, csv_of
from tests.integration.services.test_crashes import Killed, Moment, Tripwire
from tests.support.imports import outlive


def test_a_file_becomes_accounts_and_workflows(imports: Imports) -> None:
    """Chunk by chunk; credentials can be read by the step function; the file is deleted; what is due soon is sent."""
    workflow = imports.engine.define({"id": "rest", "action": "wait", "delay": "5s"})
    definition_id = imports.engine.control.current_definition(workflow)["id"]
    import_id = imports.announce(csv_of(8), definition_id=definition_id)
    assert imports.look(import_id) == []
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


def test_each_bad_row_is_told_and_spoils_no_other(imports: Imports) -> None:
    """With its line and its reason; the very judgement of the small import; never a value (I10)."""
    text = (
        "\ufeffflamebotId,model_id,channelId,credentials.token,config,credentials\r\n"
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
    imports.look(import_id)
    assert imports.counts(import_id) == ("completed", 9, 2, 0, 7)
    told = {
        row: (account, code, [(error["pointer"], error["detail"]) for error in errors])
        for row, account, code, errors in imports.rejects(import_id)
    }
    assert {
        row: (account, code, [pointer for pointer, _ in errors])
        for row, (account, code, errors) in told.items()
    } == {
        4: (None, "invalid", ["/flamebotId"]),
        6: ("a", "duplicate", ["/flamebotId"]),
        7: (None, "invalid", ["/credentials"]),
        8: (None, "invalid", [""]),
        9: ("f", "invalid", [""]),
        10: (None, "invalid", ["/flamebotId"]),
        12: ("h", "invalid", ["/modelId"]),
    }
    assert told[7][2][0][1].startswith("Must be a JSON object. It is not JSON")
    assert told[9][2][0][1].startswith("A row is at most 16384 bytes")
    assert SECRET not in json.dumps(told)


def test_a_file_of_json_lines_is_the_same(imports: Imports) -> None:
    """Each line is an account as the small import takes it."""
    lines = [
        {
            "flamebotId": "a",
            "modelId": "m",
            "credentials": {"token": SECRET, "more": [1]},
            "config": {"n": 1.5},
        },
        {"flamebotId": "b", SECRET: 1},
        [],
        {"flamebotId": "a"},
        {"flamebotId": "c", "credentials": {SECRET: "\x00"}},
    ]
    text = (
        "\n".join(json.dumps(line) for line in lines)
        + '\n{"flamebotId": "d", "flamebotId": "e"}\nno json\n\n{"flamebotId": "z"}'
    )
    import_id = imports.announce(text, format="jsonl")
    imports.look(import_id)
    assert imports.counts(import_id) == ("completed", 8, 2, 0, 6)
    told = [
        (row, account, [error["pointer"] for error in errors])
        for row, account, _, errors in imports.rejects(import_id)
    ]
    assert told == [
        (2, "b", [""]),
        (3, None, [""]),
        (4, "a", ["/flamebotId"]),
        (5, "c", ["/credentials"]),
        (6, None, [""]),
        (7, None, [""]),
    ]
    assert SECRET not in json.dumps(imports.rejects(import_id))


def test_no_table_ever_holds_a_credential(imports: Imports) -> None:
    """I10: not staging either, looked at while its rows are there, nor the rejects."""
    seen: list[str] = []

    class Looking:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def import_chunk(self, turn: Any, chunk: Any) -> Any:
            imports.engine.database.rows(
                "create or replace function keep() returns trigger language plpgsql as 'begin return null; end'"
            )
            imports.engine.database.rows("drop trigger if exists keep on import_staging")
            imports.engine.database.rows(
                "create trigger keep before delete on import_staging for each row execute function keep()"
            )
            answer = self._store.import_chunk(turn, chunk)
            seen.extend(
                row["t"]
                for row in imports.engine.database.rows("select t::text as t from import_staging t")
            )
            return answer

    import_id = imports.announce(csv_of(5) + f"bad one,,,{SECRET},\nacct-1,,,{SECRET},\n")
    imports.look(
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


@pytest.mark.slow
def test_a_crash_at_any_call_loses_and_doubles_nothing(imports: Imports) -> None:
    """I1, I9: the process dies before or after each call that it makes to anybody; maintenance finds the rest a worker."""
    definition_id = imports.engine.control.current_definition(
        imports.engine.define({"id": "rest", "action": "wait", "delay": "1h"})
    )["id"]
    probe = Tripwire()
    imports.look(
        imports.announce(csv_of(7, 1000) + "bad row,,,,\n", definition_id=definition_id),
        imports.worker(probe.wrap),
    )
    assert {
        "files.size",
        "files.read",
        "store.begin_import",
        "vault.encrypt",
        "store.import_chunk",
        "files.delete",
    } <= set(probe.calls)
    moments: list[tuple[int, Moment]] = [
        (at, moment) for at in range(len(probe.calls)) for moment in ("before", "after")
    ]
    for number, (at, moment) in enumerate(moments, 1):
        first = 10_000 * number
        import_id = imports.announce(
            csv_of(7, first) + "bad row,,,,\n", definition_id=definition_id
        )
        with pytest.raises(Killed):
            imports.look(import_id, imports.worker(Tripwire(at, moment).wrap))
        imports.recover(import_id)
        assert imports.counts(import_id) == ("completed", 8, 7, 7, 1), (at, moment, probe.calls[at])
        assert [row for row, *_ in imports.rejects(import_id)] == [9]
        ids = [f"acct-{n}" for n in range(first, first + 7)]
        stored = imports.engine.database.value(
            "select count(*) from accounts where flamebot_id = any (%s)", (ids,)
        )
        live = imports.engine.database.value(
            "select count(*) from workflow_instances where account_id = any (%s) and is_live",
            (ids,),
        )
        assert (stored, live) == (7, 7)
        assert import_id not in imports.files.content
    assert imports.engine.database.value("select count(*) from import_staging") == 0


def test_whatever_is_out_of_reach_only_delays(imports: Imports) -> None:
    """Each port fails at each of its calls once, before or after it worked: a hint comes back, later each time, and goes on."""
    probe = Tripwire()
    imports.look(imports.announce(csv_of(7, 1000)), imports.worker(probe.wrap))
    number = 0
    for at, call in enumerate(probe.calls):
        if call.startswith(("steps.", "wake_ups.")):  # these never raise
            continue
        for moment in ("before", "after"):
            number += 1
            import_id = imports.announce(csv_of(7, 10_000 * number))
            imports.wake_ups.kept.clear()
            assert imports.look(import_id, imports.worker(Faulty(at, moment).wrap)) == [], (
                call,
                moment,
            )
            imports.recover(import_id)
            assert imports.counts(import_id) == ("completed", 7, 7, 0, 0), (call, moment)
            assert import_id not in imports.files.content


class Faulty(Tripwire):
    """One call fails, the others get through."""

    def call(self, name: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        place = len(self.calls)
        self.calls.append(name)
        if place == self._at and self._moment == "before":
            raise _fault(name)
        answer = method(*arguments, **named)
        if place == self._at:
            raise _fault(name)
        return answer


def _fault(name: str) -> Unavailable:
    return (
        StoreUnavailable()
        if name.startswith("store")
        else FilesUnavailable()
        if name.startswith("files")
        else Unavailable()
    )


def test_when_even_the_hint_cannot_be_sent_the_message_comes_again(imports: Imports) -> None:
    """Somebody is left who will look: the queue's own delivery."""
    import_id = imports.announce(csv_of(4))
    imports.wake_ups.down = True
    imports.files.break_after = 100
    assert imports.look(import_id) == ["m"]
    imports.files.break_after = None
    imports.wake_ups.down = False
    assert imports.look(import_id) == []
    assert imports.counts(import_id)[0] == "completed"


def test_a_stream_that_breaks_goes_on_from_the_checkpoint(imports: Imports) -> None:
    """What was stored is not read again; the next try comes later after each failure in a row."""
    import_id = imports.announce(csv_of(12))
    imports.files.break_after = 300
    imports.look(import_id)
    status, rows, *_ = imports.counts(import_id)
    assert (status, rows) == ("running", 3)
    imports.files.break_after = 0
    delays = []
    for _ in range(3):
        imports.wake_ups.kept.clear()
        imports.look(import_id)
        (message,) = imports.wake_ups.kept
        delays.append(round((message.visible_at - imports.engine.clock.now()).total_seconds(), -1))
    assert delays == sorted(delays)
    assert delays[-1] >= 50
    imports.files.break_after = None
    imports.look(import_id)
    assert imports.counts(import_id) == ("completed", 12, 12, 0, 0)


def test_out_of_time_the_turn_is_handed_on(imports: Imports) -> None:
    """A chunk each, with a hint at once: the function's timeout bounds no file."""
    import_id = imports.announce(csv_of(10))
    turns = 0
    while imports.row(import_id)["status"] != "completed":
        imports.wake_ups.kept.clear()
        assert imports.look(import_id, time_left=lambda: 20.0) == []
        turns += 1
    assert turns == 4
    assert imports.counts(import_id) == ("completed", 10, 10, 0, 0)


def test_two_workers_do_not_share_an_import(imports: Imports) -> None:
    """A worker that was away longer than its lease finds that another went on, and stores nothing more."""
    import_id = imports.announce(csv_of(9))
    other = imports.worker()

    class Slow:
        def __init__(self, vault: Any) -> None:
            self._vault = vault
            self.calls = 0

        def encrypt(self, secrets: Any) -> Any:
            self.calls += 1
            if self.calls == 2:
                outlive(imports.engine.database, 100)
                imports.look(import_id, other)
            return self._vault.encrypt(secrets)

    imports.look(
        import_id, imports.worker(lambda name, port: Slow(port) if name == "vault" else port)
    )
    assert imports.counts(import_id) == ("completed", 9, 9, 0, 0)


def test_a_message_that_comes_twice_or_late_does_nothing(imports: Imports) -> None:
    """Before the file, after the end, for an import that never was: each is acknowledged. A late upload is deleted."""
    import_id = imports.announce(csv_of(4))
    content = imports.files.content.pop(import_id)
    assert imports.look(import_id) == []
    assert imports.row(import_id)["status"] == "waiting"
    imports.files.content[import_id] = content
    for _ in range(3):
        assert imports.look(import_id) == []
    assert imports.counts(import_id) == ("completed", 4, 4, 0, 0)
    stray = str(uuid4())
    imports.files.content |= {import_id: content, stray: content}
    assert imports.look(import_id) == imports.look(stray) == []
    assert imports.files.content == {}
    assert imports.counts(import_id) == ("completed", 4, 4, 0, 0)


def test_a_message_that_nobody_can_read_goes_to_the_dead_letters(imports: Imports) -> None:
    """And a test event of S3, or an event about somebody else's file, to nowhere."""
    bodies = {
        "bad": "{", "list": "[]", "none": "{}", "id": '{"importId": "../x"}',
        "test": '{"Service": "Amazon S3", "Event": "s3:TestEvent"}',
        "other": '{"Records": [{"s3": {"object": {"key": "elsewhere/018f3a5e-0000-4000-8000-000000000001"}}}]}',
    }  # fmt: skip
    messages = {name: import_ids(body) for name, body in bodies.items()}
    assert imports.worker().run(messages, lambda: 1000.0) == ["bad", "list", "none", "id"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"a,m,c,{SECRET},x\n", "Its first line names no column flamebotId."),
        (f"flamebotId,{SECRET}\n", "Its first line has an unknown name in column 2."),
        ("modelId\nx\n", "Its first line names no column flamebotId."),
        ("flamebotId,flamebot_id\nx,y\n", "Its first line names a column twice."),
        (
            f'{HEADER}a,m,c,"{SECRET}"oops,x\n',
            "The row that begins on line 2 is not CSV: its quotes are broken.",
        ),
        (
            f'{HEADER}a,m,c,t,x\nb,m,c,"{SECRET}\n' + "more\n" * 20_000,
            "ends a row of more than 65536 bytes, or a quote is not closed.",
        ),
        (
            f'{HEADER}a,m,c,"{SECRET}',
            "The row that begins on line 2 is not CSV: its quotes are broken.",
        ),
        ("x" * 70_000, "Line 1 has more than 65536 bytes."),
        (HEADER.encode("utf-16"), "Its first line names no column flamebotId."),
        (b"\n", "Its first line names no column flamebotId."),
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
def test_a_file_that_nobody_can_read_fails_with_its_place(
    imports: Imports, content: str | bytes, reason: str
) -> None:
    """What stands in it is not shown; it is deleted, and what came before the place stays imported."""
    import_id = imports.announce(content)
    imports.look(import_id)
    row = imports.row(import_id)
    assert row["status"] == "failed"
    assert row["error"].startswith("unreadable: ")
    assert row["error"].endswith(reason)
    assert SECRET not in row["error"]
    assert imports.files.content == {}


def test_a_cancelled_import_ends_at_its_next_chunk(imports: Imports) -> None:
    """What was stored stays; the file goes."""
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
        imports.look(
            import_id,
            imports.worker(lambda name, port: Cancelling(port) if name == "vault" else port),
        )
        == []
    )
    assert imports.counts(import_id) == ("cancelled", 3, 3, 0, 0)
    assert imports.files.content == {}


def test_a_spread_is_over_the_whole_file(imports: Imports) -> None:
    """Each start stands where its row stands in the file, whichever worker comes to it, and however often."""
    definition_id = imports.engine.control.current_definition(
        imports.engine.define({"id": "rest", "action": "wait", "delay": "1s"})
    )["id"]
    import_id = imports.announce(
        csv_of(90, 100), definition_id=definition_id, spread=timedelta(hours=6)
    )
    while imports.row(import_id)["status"] != "completed":
        imports.look(import_id, time_left=lambda: 20.0)
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
    """The address does not allow it; whoever wrote past it finds nothing stored."""
    import_id = imports.announce(csv_of(3))
    imports.files.content[import_id] += b"x,,,,\n"
    imports.look(import_id)
    assert imports.counts(import_id)[:3] == ("failed", 0, 0)


def test_a_file_without_rows_is_an_import_of_nothing(imports: Imports) -> None:
    """It completes, and says so."""
    import_id = imports.announce(HEADER)
    imports.look(import_id)
    assert imports.counts(import_id) == ("completed", 0, 0, 0, 0)
