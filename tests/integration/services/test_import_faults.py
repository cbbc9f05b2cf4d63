"""Faults of the worker of imports by file: each row is stored once, wherever it fails (I9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flamebot.domain.errors import FilesUnavailable, StoreUnavailable, Unavailable
from tests.integration.services.imports import Imports, csv_of
from tests.integration.services.test_crashes import Killed, Moment, Tripwire
from tests.support.imports import outlive


@pytest.mark.slow
def test_a_crash_at_any_call_loses_and_duplicates_nothing(imports: Imports) -> None:
    """I1, I9: a worker dies before or after each of its calls; the next one finishes the import."""
    definition_id = imports.engine.control.current_definition(
        imports.engine.define({"id": "rest", "action": "wait", "delay": "1h"})
    )["id"]
    probe = Tripwire()
    imports.deliver(
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
            imports.deliver(import_id, imports.worker(Tripwire(at, moment).wrap))
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


def test_an_unavailable_dependency_only_delays(imports: Imports) -> None:
    """Each call fails once, before or after it had its effect; a wake-up message retries."""
    probe = Tripwire()
    imports.deliver(imports.announce(csv_of(7, 1000)), imports.worker(probe.wrap))
    number = 0
    for at, call in enumerate(probe.calls):
        if call.startswith(("steps.", "wake_ups.")):  # these never raise
            continue
        for moment in ("before", "after"):
            number += 1
            import_id = imports.announce(csv_of(7, 10_000 * number))
            imports.wake_ups.kept.clear()
            assert imports.deliver(import_id, imports.worker(Faulty(at, moment).wrap)) == [], (
                call,
                moment,
            )
            imports.recover(import_id)
            assert imports.counts(import_id) == ("completed", 7, 7, 0, 0), (call, moment)
            assert import_id not in imports.files.content


class Faulty(Tripwire):
    """A tripwire whose call fails while the process lives on."""

    def call(self, name: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        number = len(self.calls)
        self.calls.append(name)
        if number == self._at and self._moment == "before":
            raise _fault(name)
        answer = method(*arguments, **named)
        if number == self._at:
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


def test_a_message_is_delivered_again_when_no_wake_up_could_be_sent(imports: Imports) -> None:
    """The worker fails the message, so that the queue delivers it again."""
    import_id = imports.announce(csv_of(4))
    imports.wake_ups.down = True
    imports.files.break_after = 100
    assert imports.deliver(import_id) == ["m"]
    imports.files.break_after = None
    imports.wake_ups.down = False
    assert imports.deliver(import_id) == []
    assert imports.counts(import_id)[0] == "completed"


def test_a_broken_stream_continues_from_the_checkpoint(imports: Imports) -> None:
    """Stored rows are not read again; each failure in a row doubles the delay."""
    import_id = imports.announce(csv_of(12))
    imports.files.break_after = 300
    imports.deliver(import_id)
    status, rows, *_ = imports.counts(import_id)
    assert (status, rows) == ("running", 3)
    imports.files.break_after = 0
    delays = []
    for _ in range(3):
        imports.wake_ups.kept.clear()
        imports.deliver(import_id)
        (message,) = imports.wake_ups.kept
        delays.append(round((message.visible_at - imports.engine.clock.now()).total_seconds(), -1))
    assert delays == sorted(delays)
    assert delays[-1] >= 50
    imports.files.break_after = None
    imports.deliver(import_id)
    assert imports.counts(import_id) == ("completed", 12, 12, 0, 0)


def test_two_workers_do_not_share_an_import(imports: Imports) -> None:
    """A worker that was slower than its lease stores nothing after another continued."""
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
                imports.deliver(import_id, other)
            return self._vault.encrypt(secrets)

    imports.deliver(
        import_id, imports.worker(lambda name, port: Slow(port) if name == "vault" else port)
    )
    assert imports.counts(import_id) == ("completed", 9, 9, 0, 0)
