"""The worker of imports by file: takes the turn, reads on from the checkpoint, stores chunk by chunk, and deletes the file at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import uuid4

from flamebot.domain.definition import Definition
from flamebot.domain.errors import Unavailable, ValidationIssue
from flamebot.domain.import_message import decode, encode
from flamebot.ports.clock import Clock
from flamebot.ports.import_files import ImportFiles
from flamebot.ports.import_store import Chunk, ImportStore, RejectedRow, StagedRow, Turn
from flamebot.ports.queue import Message, StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.ports.vault import Vault
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.imports.record_reader import (
    Lines,
    Record,
    Unreadable,
    csv_records,
    jsonl_records,
    read_header,
)
from flamebot.services.imports.rejects import rejected
from flamebot.services.imports.rows import encrypted, start_of
from flamebot.services.imports.validate import AccountInput, validate_row
from flamebot.services.sending import send_tasks

CHUNK_ROWS: Final = 2000
CHUNK_BYTES: Final = 4 * 1024 * 1024
RESERVE_SECONDS: Final = (
    30.0  # a chunk's longest: the statement's patience, a slow read, a slow key service
)
_LATER_SECONDS: Final = 15
_LATEST_SECONDS: Final = 600


class _Stopped(Exception):
    """The turn is over: somebody else's, cancelled, or to be given back."""


@dataclass(slots=True)
class _Pending:
    """A chunk as it grows."""

    from_byte: int
    to_byte: int
    line: int
    rows: int = 0
    good: list[tuple[Record, AccountInput]] = field(default_factory=list)
    rejects: list[RejectedRow] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def add(self, record: Record) -> None:
        """Judge a row as any import does; of two with the same flamebotId the later one is rejected."""
        self.rows += 1
        self.to_byte, self.line = record.end, record.last_line
        account, issues = (None, [record.issue]) if record.issue else validate_row(record.value)
        if account is None:
            self.rejects.append(rejected(record.line, record.value, "invalid", issues))
        elif account.flamebot_id in self.ids:
            self.rejects.append(
                rejected(
                    record.line,
                    record.value,
                    "duplicate",
                    [ValidationIssue("/flamebotId", "Stands in this file already.")],
                )
            )
        else:
            self.ids.add(account.flamebot_id)
            self.good.append((record, account))

    @property
    def full(self) -> bool:
        """Whether it should be stored."""
        return self.rows >= CHUNK_ROWS or self.to_byte - self.from_byte >= CHUNK_BYTES


class RunImport:
    """Looks at imports. Whoever calls it, how often and how late: a row is stored once."""

    def __init__(
        self,
        *,
        store: ImportStore,
        files: ImportFiles,
        vault: Vault,
        catalog: DefinitionCatalog,
        steps: StepQueue,
        hints: StepQueue,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        """Take the ports; `steps` gets tasks that are due soon, `hints` our own messages to look again."""
        self._store = store
        self._files = files
        self._vault = vault
        self._catalog = catalog
        self._steps = steps
        self._hints = hints
        self._clock = clock
        self._telemetry = telemetry

    def run(self, messages: Mapping[str, str], time_left: Callable[[], float]) -> list[str]:
        """Look at what the messages (id to body) name; answer those that should come again. `time_left` in wall-clock seconds."""
        failed = []
        for message_id, body in messages.items():
            found = decode(body)
            if found is None:
                self._telemetry.warn("unreadable_message", message_id=message_id)
                failed.append(message_id)
                continue
            looked_at = [self._look(import_id, time_left) for import_id in found]
            if not all(looked_at):
                failed.append(message_id)
        return failed

    def _look(self, import_id: str, time_left: Callable[[], float]) -> bool:
        """Whether nothing is left to do, or somebody was told to do it."""
        try:
            return self.look(import_id, time_left)
        except Unavailable as error:
            self._telemetry.warn(
                "import_put_off", import_id=import_id, code=error.code, detail=error.detail
            )
            return self._again(import_id, _LATER_SECONDS)

    def look(self, import_id: str, time_left: Callable[[], float]) -> bool:
        """Do what there is to do. Raises `Unavailable` before a turn was taken."""
        size = self._files.size(import_id)
        if size is None:
            status = self._store.miss_import_file(import_id)
            self._telemetry.info("import_without_file", import_id=import_id, status=status)
            return True
        turn = self._store.begin_import(import_id, str(uuid4()))
        if isinstance(turn, Turn):
            return self._take(turn, size, time_left)
        if turn != "running":  # over, or nobody's
            self._clean(import_id)
        return True

    def _take(self, turn: Turn, size: int, time_left: Callable[[], float]) -> bool:
        try:
            if size != turn.size:
                raise Unreadable(f"It has {size} bytes; {turn.size} were announced.")
            self._work(turn, time_left)
        except Unreadable as error:
            self._store.fail_import(turn, f"unreadable: {error}")
            self._telemetry.count("ImportsFailed")
            self._telemetry.warn("import_failed", import_id=turn.import_id, detail=str(error))
        except _Stopped:
            pass
        except Unavailable as error:
            self._telemetry.warn(
                "import_interrupted",
                import_id=turn.import_id,
                code=error.code,
                detail=error.detail,
                tries=turn.tries,
            )
            with suppress(Unavailable):
                self._store.release_import(turn)
            return self._again(
                turn.import_id, min(_LATER_SECONDS * 2 ** min(turn.tries - 1, 10), _LATEST_SECONDS)
            )
        else:
            self._telemetry.info("import_turn_ended", import_id=turn.import_id)
            self._store.release_import(turn)
            return self._again(turn.import_id, 0)
        self._clean(turn.import_id)
        return True

    def _work(self, turn: Turn, time_left: Callable[[], float]) -> None:
        """Store chunks while there is time. Raises `_Stopped` when the import is over, or the turn another's."""
        definition = (
            self._catalog.get(turn.definition_id) if turn.definition_id is not None else None
        )
        with ExitStack() as opened:
            records = self._records(turn, opened)
            pending = _Pending(turn.bytes_read, turn.bytes_read, turn.last_line)
            for record in records:
                pending.add(record)
                if pending.full:
                    self._store_chunk(turn, pending, definition, done=False)
                    pending = _Pending(record.end, record.end, record.last_line)
                    if time_left() < RESERVE_SECONDS:
                        return
            pending.to_byte = turn.size
            self._store_chunk(turn, pending, definition, done=True)
        raise _Stopped

    def _records(self, turn: Turn, opened: ExitStack) -> Iterator[Record]:
        """The rows after the checkpoint. A CSV file's header is read again: it is stored nowhere."""
        if turn.format == "jsonl":
            pieces = opened.enter_context(self._files.read(turn.import_id, turn.bytes_read))
            return jsonl_records(Lines(pieces, offset=turn.bytes_read, number=turn.last_line))
        head = ExitStack()
        lines = Lines(head.enter_context(self._files.read(turn.import_id, 0)))
        with head:
            columns = read_header(lines)
            if turn.bytes_read == 0:
                opened.push(head.pop_all())
                return csv_records(lines, columns)
        pieces = opened.enter_context(self._files.read(turn.import_id, turn.bytes_read))
        return csv_records(Lines(pieces, offset=turn.bytes_read, number=turn.last_line), columns)

    def _store_chunk(
        self, turn: Turn, pending: _Pending, definition: Definition | None, *, done: bool
    ) -> None:
        rows = encrypted([account for _, account in pending.good], self._store, self._vault)
        now = self._store.now() if definition else turn.starts_at
        staged = []
        for (record, account), row in zip(pending.good, rows, strict=True):
            # Where a row stands in the file says when it starts: known without counting the rows, and the same whoever reads it.
            at = max(now, turn.starts_at + turn.spread * (record.end / turn.size))
            staged.append(
                StagedRow(
                    row=record.line,
                    account=row,
                    start=start_of(definition, account, at) if definition else None,
                )
            )
        chunk = Chunk(
            from_byte=pending.from_byte,
            to_byte=pending.to_byte,
            line=pending.line,
            rows=pending.rows,
            staged=staged,
            rejects=pending.rejects,
            done=done,
        )
        stored = self._store.import_chunk(turn, chunk)
        if not stored.applied:
            self._telemetry.info("import_turn_lost", import_id=turn.import_id, status=stored.status)
            if stored.status == "running":
                raise Unavailable("The turn, or what was staged, was lost.")
            raise _Stopped
        self._telemetry.count("AccountsImported", stored.created + stored.updated)
        self._telemetry.count("AccountsRejected", stored.rejected)
        self._telemetry.count("WorkflowsStarted", stored.started)
        if done:
            self._telemetry.count("ImportsCompleted")
        send_tasks(stored.send, queue=self._steps, clock=self._clock, telemetry=self._telemetry)

    def _clean(self, import_id: str) -> None:
        """Delete the file of an import that is over. If that fails, maintenance has us look again; a day later the bucket does it."""
        try:
            self._files.delete(import_id)
            self._store.miss_import_file(import_id)
        except Unavailable as error:
            self._telemetry.warn("import_file_left", import_id=import_id, code=error.code)

    def _again(self, import_id: str, seconds: float) -> bool:
        """Ask to be called again; whether the queue took it."""
        return (
            self._hints.send(
                [
                    Message(
                        body=encode(import_id),
                        delay_seconds=int(timedelta(seconds=seconds).total_seconds()),
                    )
                ]
            )
            == 1
        )
