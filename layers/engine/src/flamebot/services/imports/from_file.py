"""The worker of imports by file: read on from the checkpoint, store chunk by chunk.

A worker dies anywhere, messages arrive twice, late or never. What makes that crash-safe:

- The checkpoint (byte, line) is a column of the import and moves in the transaction that stores
  the chunk's rows. A crash between two commits loses work, never rows.
- Only the holder of the lease stores chunks, and each chunk is a compare-and-set on the fence and
  the checkpoint. A worker that is slower than its lease is refused at its next chunk.
- Maintenance sends a wake-up message for every import that waits, is stalled or may have a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Final
from uuid import uuid4

from flamebot.domain.definition import Definition
from flamebot.domain.errors import Unavailable
from flamebot.domain.import_message import encode
from flamebot.ports.clock import Clock
from flamebot.ports.import_files import ImportFiles
from flamebot.ports.import_store import ImportLease, ImportStore, StagedRow
from flamebot.ports.queue import Message, StepQueue
from flamebot.ports.telemetry import Telemetry
from flamebot.ports.vault import Vault
from flamebot.services.definitions.catalog import DefinitionCatalog
from flamebot.services.imports.csv_dialect import read_dialect
from flamebot.services.imports.file_lines import Lines, Unreadable
from flamebot.services.imports.pending_chunk import PendingChunk
from flamebot.services.imports.record_reader import Record, csv_records, jsonl_records
from flamebot.services.imports.rows import account_data, account_rows
from flamebot.services.sending import send_tasks
from flamebot.services.time_budget import TimeBudget
from flamebot.services.workflows.start import start_row

_RETRY_SECONDS: Final = 15
_LONGEST_RETRY_SECONDS: Final = 600


class _Result(Enum):
    """The reason why work under a lease ended."""

    ENDED = "ended"  # completed, failed or cancelled: the file is no longer needed
    OUT_OF_TIME = "out_of_time"  # rows are left, for the next invocation
    INTERRUPTED = "interrupted"  # a dependency was unavailable, or the lease was lost


class RunImport:
    """Processes imports. Duplicate, late and lost messages are harmless: a row is stored once."""

    def __init__(
        self,
        *,
        store: ImportStore,
        files: ImportFiles,
        vault: Vault,
        catalog: DefinitionCatalog,
        steps: StepQueue,
        wake_ups: StepQueue,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        """Keep the ports: `steps` takes tasks that are due soon, `wake_ups` messages to itself."""
        self._store = store
        self._files = files
        self._vault = vault
        self._catalog = catalog
        self._steps = steps
        self._wake_ups = wake_ups
        self._clock = clock
        self._telemetry = telemetry

    def run(
        self, messages: Mapping[str, Sequence[str] | None], remaining: Callable[[], float]
    ) -> list[str]:
        """Process the imports that a batch of messages names.

        Args:
            messages: message id to the ids of imports; None for an unreadable message.
            remaining: returns the wall-clock seconds until the invocation ends.

        Returns:
            The ids of the messages that must be delivered again.
        """
        budget = TimeBudget(remaining)
        failed = []
        for message_id, import_ids in messages.items():
            if import_ids is None:
                self._telemetry.warn("unreadable_message", message_id=message_id)
                failed.append(message_id)
                continue
            # All of them, also after one that failed.
            done = [self.process(import_id, budget) for import_id in import_ids]
            if not all(done):
                failed.append(message_id)
        return failed

    def process(self, import_id: str, budget: TimeBudget) -> bool:
        """Process an import as far as time allows.

        Returns:
            Whether the message can be acknowledged: nothing is left to do, or another wake-up
            message is on its way.
        """
        try:
            size = self._files.size(import_id)
            if size is None:
                # A message that came before the upload, or after the file was deleted.
                status = self._store.miss_import_file(import_id)
                self._telemetry.info("import_without_file", import_id=import_id, status=status)
                return True
            lease = self._store.begin_import(import_id, str(uuid4()))
            if lease == "running":
                return True  # Another worker holds the lease; if it dies, maintenance notices.
            if not isinstance(lease, ImportLease):
                # An import that has ended or never was: a late upload, or a delete that failed.
                self._delete_file(import_id)
                return True
            return self._process_lease(lease, size, budget)
        except Unavailable as error:
            self._telemetry.warn(
                "import_deferred", import_id=import_id, code=error.code, detail=error.detail
            )
            return self._wake_up(import_id, _RETRY_SECONDS)

    def _process_lease(self, lease: ImportLease, size: int, budget: TimeBudget) -> bool:
        """Import rows under a lease, then hand the import on. Return what `process` returns."""
        match self._import_rows(lease, size, budget):
            case _Result.ENDED:
                self._delete_file(lease.import_id)
                return True
            case _Result.OUT_OF_TIME:
                # Released before the message is sent: the next worker would find the lease taken,
                # acknowledge, and leave the import to maintenance.
                self._store.release_import(lease)
                self._telemetry.info("import_lease_released", import_id=lease.import_id)
                return self._wake_up(lease.import_id, 0)
            case _Result.INTERRUPTED:
                with suppress(Unavailable):  # The lease expires by itself.
                    self._store.release_import(lease)
                backoff = _RETRY_SECONDS * 2 ** min(lease.tries - 1, 10)
                return self._wake_up(lease.import_id, min(backoff, _LONGEST_RETRY_SECONDS))

    def _import_rows(self, lease: ImportLease, size: int, budget: TimeBudget) -> _Result:
        try:
            if size != lease.size:  # guard: announced-size
                raise Unreadable(f"It has {size} bytes; {lease.size} were announced.")
            return self._store_chunks(lease, budget)
        except Unreadable as error:
            self._store.fail_import(lease, f"unreadable: {error}")
            self._telemetry.count("ImportsFailed")
            self._telemetry.warn("import_failed", import_id=lease.import_id, detail=str(error))
            return _Result.ENDED
        except Unavailable as error:
            self._telemetry.warn(
                "import_interrupted",
                import_id=lease.import_id,
                code=error.code,
                detail=error.detail,
                tries=lease.tries,
            )
            return _Result.INTERRUPTED

    def _store_chunks(self, lease: ImportLease, budget: TimeBudget) -> _Result:
        definition = (
            self._catalog.get(lease.definition_id) if lease.definition_id is not None else None
        )
        with self._records(lease) as records:
            pending = PendingChunk.after(lease.bytes_read, lease.last_line)
            while True:
                try:
                    record = next(records, None)
                except Unreadable:
                    # The rows before the unreadable one are stored, in whichever chunk they are.
                    # guard: rows-before-the-unreadable-one
                    if pending.rows:
                        self._store_chunk(lease, pending, definition, last=False)
                    raise
                if record is None:
                    break
                pending.add(record)
                if not pending.full:
                    continue
                if not self._store_chunk(lease, pending, definition, last=False):
                    return _Result.ENDED
                if not budget.may_store_chunk:  # guard: time-for-a-chunk
                    return _Result.OUT_OF_TIME
                pending = PendingChunk.after(record.end, record.last_line)
            # The last chunk may be empty; it completes the import all the same.
            pending.to_byte = lease.size
            self._store_chunk(lease, pending, definition, last=True)
        return _Result.ENDED

    @contextmanager
    def _records(self, lease: ImportLease) -> Iterator[Iterator[Record]]:
        """Open the rows after the checkpoint."""
        dialect = None
        if lease.format == "csv":
            with self._files.read(lease.import_id, 0) as pieces:
                # The header is read again by each lease: it is stored nowhere, because a file
                # without a header has credentials in its first line.
                lines = Lines(pieces, end=None)
                dialect = read_dialect(lines)
                if lease.bytes_read == 0:
                    yield csv_records(lines, dialect)
                    return
        with self._files.read(lease.import_id, lease.bytes_read) as pieces:
            lines = Lines(
                pieces,
                offset=lease.bytes_read,
                number=lease.last_line,
                end=dialect.line_end if dialect else "lf",
            )
            yield csv_records(lines, dialect) if dialect else jsonl_records(lines)

    def _store_chunk(
        self,
        lease: ImportLease,
        pending: PendingChunk,
        definition: Definition | None,
        *,
        last: bool,
    ) -> bool:
        """Store a chunk and move the checkpoint. Return whether the import is still running.

        Raises `Unavailable` when the lease or the staged rows were lost: the rows are read again,
        by this worker or by another.
        """
        staged = self._staged(lease, pending, definition)
        # Encrypting calls the key service and may take longer than the lease. A clock would not
        # tell reliably whether the lease is still held; the fence in this transaction does.
        result = self._store.import_chunk(lease, pending.chunk(staged, last=last))
        if not result.applied:
            self._telemetry.info(
                "import_chunk_refused", import_id=lease.import_id, status=result.status
            )
            if result.status == "running":
                raise Unavailable("The lease, or the rows in the staging table, were lost.")
            return False
        self._telemetry.count("AccountsImported", result.created + result.updated)
        self._telemetry.count("AccountsRejected", result.rejected)
        self._telemetry.count("WorkflowsStarted", result.started)
        if last:
            self._telemetry.count("ImportsCompleted")
        # Checkpoint before send: after a crash here the tick sends these tasks. The other order
        # would send tasks whose transaction rolls back.
        send_tasks(result.send, queue=self._steps, clock=self._clock, telemetry=self._telemetry)
        return True

    def _staged(
        self, lease: ImportLease, pending: PendingChunk, definition: Definition | None
    ) -> list[StagedRow]:
        """Return the valid rows of a chunk, encrypted, with their starts planned."""
        accounts = [checked.account for checked in pending.valid]
        rows = account_rows(accounts, self._store, self._vault)
        now = self._store.now() if definition else lease.starts_at
        staged = []
        for checked, row in zip(pending.valid, rows, strict=True):
            record = checked.record
            start = None
            if definition:
                # A row's share of the spread is its position in the file: known without counting
                # the rows, and the same for every worker that reads the row.
                at = max(now, lease.starts_at + lease.spread * (record.end / lease.size))
                start = start_row(definition, account_data(checked.account), at)
            staged.append(
                StagedRow(row=record.line, account=row, start=start, id_field=record.id_field)
            )
        return staged

    def _delete_file(self, import_id: str) -> None:
        """Delete the file of an import that has ended.

        A failure is harmless: maintenance wakes a worker again, and after a day the bucket's
        lifecycle rule deletes the file.
        """
        try:
            self._files.delete(import_id)
            self._store.miss_import_file(import_id)
        except Unavailable as error:
            self._telemetry.warn("import_file_not_deleted", import_id=import_id, code=error.code)

    def _wake_up(self, import_id: str, delay_seconds: int) -> bool:
        """Send a wake-up message. Return whether the queue accepted it."""
        message = Message(body=encode(import_id), delay_seconds=delay_seconds)
        return self._wake_ups.send([message]) == 1
