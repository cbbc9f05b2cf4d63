"""Guards of imports: one worker at a time, each row once, no row after a cancel, no value shown."""

from __future__ import annotations

from verification.mutants.mutant import Place

_SQL = "sql/functions/"
_TESTS = "tests/integration/"
_IMPORTS = "layers/engine/src/flamebot/services/imports/"
_WORKER = f"{_TESTS}services/test_run_import.py"
_BESIDE = f"{_TESTS}services/test_beside_another.py"
BEGIN = Place(f"{_SQL}begin_import.sql", f"{_TESTS}test_begin_import.py")
CHUNK = Place(f"{_SQL}import_chunk.sql", f"{_TESTS}test_import_chunk.py")
MISS = Place(f"{_SQL}miss_import_file.sql", f"{_TESTS}test_miss_import_file.py")
RELEASE = Place(f"{_SQL}release_import.sql", f"{_TESTS}test_release_import.py")
FAIL = Place(f"{_SQL}fail_import.sql", f"{_TESTS}test_fail_import.py")
CREATE = Place(f"{_SQL}create_import.sql", f"{_TESTS}test_create_import.py")
REQUEST = Place(f"{_IMPORTS}from_request.py", f"{_TESTS}http/test_import.py")
KEY = Place(f"{_IMPORTS}idempotency.py", "tests/unit/services/test_import_request.py")
ROWS = Place(f"{_IMPORTS}validate.py", "tests/unit/services/test_import_rows.py")
CHECK = Place(f"{_IMPORTS}row_check.py", _WORKER)
REJECTS = Place(f"{_IMPORTS}rejects.py", _WORKER)
WORKER = Place(f"{_IMPORTS}from_file.py", _WORKER)
FILES = Place(
    "layers/engine/src/flamebot/adapters/s3/files.py", "tests/contracts/test_import_files.py"
)

MUTANTS = (
    BEGIN(
        "import_lease_is_shared",
        "I9: a lease that is held is granted to no other worker.",
        "and v_import.lease_expires_at > v_wall and not v_repeated",
        "and false",
        "test_a_held_lease_is_granted_to_no_other_worker",
        guard="one-worker-per-lease",
    ),
    BEGIN(
        "import_keeps_its_fence",
        "I9: each lease has a fence of its own, so that a late worker is refused.",
        "fence = nextval('fence_seq'), begun_by",
        "begun_by",
        "test_after_a_crash_the_next_worker_continues_at_the_checkpoint",
        guard="lease-takes-a-new-fence",
    ),
    BEGIN(
        "import_tries_for_ever",
        "A file that crashes every worker fails after 50 leases.",
        "not v_repeated and v_import.tries >= 50",
        "false",
        "test_fifty_leases_without_a_chunk_fail_the_import",
        guard="import-tries-have-an-end",
    ),
    CHUNK(
        "chunk_without_its_fence",
        "I9: a worker that lost its lease stores nothing.",
        " or v_import.fence <> p_fence",
        "",
        "test_a_worker_that_lost_its_lease_stores_nothing",
        guard="chunk-fence",
    ),
    CHUNK(
        "chunk_after_the_end",
        "No row is stored after a cancel has returned.",
        " or v_import.status <> 'running'",
        "",
        f"{_TESTS}test_cancel_import.py::test_stored_rows_stay_and_no_row_follows",
        guard="chunk-of-a-running-import",
    ),
    CHUNK(
        "chunk_beside_the_checkpoint",
        "I9: a chunk is stored once, also when its response was lost.",
        " or v_import.bytes_read <> v_chunk.from_byte",
        "",
        "test_a_chunk_is_stored_once",
        guard="chunk-at-the-checkpoint",
    ),
    CHUNK(
        "chunk_of_lost_rows",
        "Staging is unlogged: rows that a crash removed are not taken for stored.",
        "v_chunk.staged <> (select",
        "0 > (select",
        "test_a_chunk_with_lost_staged_rows_stores_nothing",
        guard="staged-rows-are-counted",
    ),
    CHUNK(
        "chunk_queues_without_capacity",
        "Tasks beyond the queue capacity are left to the tick.",
        "free_queue_capacity(p_queue_capacity) >= v_chunk.staged",
        "true",
        "test_no_more_is_queued_than_the_queue_capacity_allows",
        guard="chunk-respects-the-queue-capacity",
    ),
    CHUNK(
        "chunk_keeps_every_reject",
        "The list of rejects is bounded.",
        "limit greatest(10000 - v_import.rejected - v_import.not_started, 0)",
        "",
        "test_the_first_ten_thousand_rejects_are_kept",
        guard="rejects-are-bounded",
    ),
    MISS(
        "file_is_awaited_no_longer",
        "An upload that began in time may end later.",
        " and v_import.upload_until + interval '5 minutes' < v_wall",
        "",
        "test_a_file_may_still_be_uploaded",
        guard="upload-in-time-may-end-later",
    ),
    MISS(
        "late_upload_is_forgotten",
        "A file that is uploaded after the end is found and deleted.",
        " and i.upload_until < v_wall",
        "",
        "test_the_file_of_an_ended_import_is_gone_when_no_upload_can_follow",
        guard="late-upload-is-deleted",
    ),
    RELEASE(
        "another_workers_lease_is_released",
        "Only the holder of a lease releases it.",
        " and i.fence = p_fence",
        "",
        "test_a_lost_lease_cannot_be_released",
        guard="only-the-lease-holder-releases",
    ),
    FAIL(
        "another_workers_import_fails",
        "Only the holder of the lease fails the import.",
        " and i.fence = p_fence",
        "",
        "test_a_lost_lease_fails_nothing",
        guard="only-the-lease-holder-fails",
    ),
    CREATE(
        "key_of_an_import_is_shared",
        "Two requests with one key at once create one import.",
        "perform pg_advisory_xact_lock(8, hashtext(p_actor || E'\\x1e' || p_key));",
        "",
        "test_two_requests_at_once_create_one_import",
        guard="one-import-per-key",
    ),
    REQUEST(
        "import_is_not_remembered",
        "I9: a repeated request gets the stored response: nothing is encrypted for it.",
        "if replay:",
        "if False:",
        f"{_BESIDE}::test_a_repetition_needs_no_key_service",
        guard="replay-before-import",
    ),
    REQUEST(
        "import_in_flight_is_refused",
        "I9: the other request may have committed since: its response is returned.",
        "if replay:",
        "if False:",
        f"{_BESIDE}::test_a_twin_that_has_just_finished_is_answered",
        guard="replay-after-in-flight",
    ),
    REQUEST(
        "import_sends_nothing",
        "I6: tasks that are due soon are sent at once.",
        "send_tasks(pointers, queue=self._queue, clock=self._clock, telemetry=self._telemetry)",
        "pass",
        "test_tasks_due_soon_are_sent_at_once",
        guard="send-after-import",
    ),
    KEY(
        "another_document_is_answered",
        "I9: another request under the same key is refused.",
        "if not hmac.compare_digest(bytes(known.digest), _digest(document, bytes(known.salt))):",
        "if False:",
        "test_another_document_is_refused",
        guard="same-document",
    ),
    ROWS(
        "row_with_what_no_column_takes",
        "I9: a row with NUL or half a surrogate pair is rejected alone, not with the others.",
        "if issues:",
        "if False:",
        "test_an_invalid_row_is_an_issue_with_a_pointer",
        guard="storable-text",
    ),
    ROWS(
        "row_whose_escapes_are_not_read",
        "I9: text that cannot be stored is found as a character and as an escape.",
        "if not definitely_storable(text):",
        "if not text.isascii():",
        "test_an_invalid_row_is_an_issue_with_a_pointer",
        guard="storable-escapes",
    ),
    ROWS(
        "account_twice_in_a_request",
        "I9: of two rows of one account the later one is rejected.",
        "if account_id is not None and account_id in first_at:",
        "if False:",
        "test_the_later_of_two_rows_of_one_account_is_rejected",
        guard="once-per-request",
    ),
    ROWS(
        "id_with_hidden_characters",
        "A model or channel with an invisible character is another one, and looks the same.",
        "if issue:",
        "if False:",
        "test_a_blank_is_never_kept_in_an_id_or_a_credential",
        guard="no-hidden-characters",
    ),
    ROWS(
        "credential_with_blanks_around_it",
        "A copied blank does not become part of a credential.",
        "(None, issues) if issues else (account, [])",
        "(account, [])",
        "test_a_blank_is_never_kept_in_an_id_or_a_credential",
        guard="no-blank-credentials",
    ),
    CHECK(
        "account_twice_in_a_chunk",
        "I9: of two rows of one account the later one is rejected, with the line of the first.",
        "if first != record.line:",
        "if False:",
        "test_a_duplicate_names_the_line_of_its_first_row",
        guard="once-per-file",
    ),
    REJECTS(
        "any_text_is_shown_as_an_id",
        "I10: a value without the form of an account's id may be a credential in the wrong column.",
        " and _ID.fullmatch(account_id)",
        "",
        "test_each_bad_row_is_reported_and_the_others_are_stored",
        guard="reject-shows-only-ids",
    ),
    REJECTS(
        "any_name_is_shown_as_a_field",
        "I10: a name that a file made up may be a credential.",
        'pointer if field == "config" else f"/{field}"',
        "pointer",
        "test_json_lines_are_imported_as_csv_is",
        guard="reject-shows-only-fields",
    ),
    WORKER(
        "file_of_any_size",
        "A file of another size than announced is not imported.",
        "size != lease.size",
        "False",
        "test_a_file_of_another_size_than_announced_is_refused",
        guard="announced-size",
    ),
    WORKER(
        "rows_before_an_unreadable_one_are_lost",
        "The rows before an unreadable one are stored, wherever a chunk ends.",
        "if pending.rows:",
        "if False:",
        "test_rows_before_an_unreadable_one_are_stored",
        guard="rows-before-the-unreadable-one",
    ),
    WORKER(
        "import_until_it_is_killed",
        "A worker that runs out of time releases the import.",
        "not budget.may_store_chunk",
        "False",
        "test_out_of_time_the_lease_is_released",
        guard="time-for-a-chunk",
    ),
    FILES(
        "file_is_overwritten",
        "An uploaded file never changes while it is read.",
        '"IfNoneMatch": "*",',
        "",
        "test_the_address_signs_size_and_no_overwriting",
        guard="upload-once",
    ),
)
