"""Guards of a deploy: constants that fit together, and migrations that are applied once."""

from __future__ import annotations

from verification.mutants.mutant import Place

_ADAPTERS = "layers/engine/src/flamebot/adapters/"
TEMPLATE = Place("template.yaml", "tests/architecture/test_template.py")
MIGRATE = Place(f"{_ADAPTERS}postgres/migrations.py", "tests/integration/test_migrations.py")
VAULT = Place(f"{_ADAPTERS}kms/vault.py", "tests/contracts/test_vault.py")

MUTANTS = (
    TEMPLATE(
        "message_shown_while_it_is_at_work",
        "A message stays invisible for six timeouts of the step function.",
        "VisibilityTimeout: 360",
        "VisibilityTimeout: 60",
        "test_a_message_stays_hidden_for_six_timeouts_and_comes_five_times",
        guard="message-hidden-at-work",
    ),
    TEMPLATE(
        "message_shown_once",
        "A message is delivered five times before it becomes a dead letter.",
        "maxReceiveCount: 5",
        "maxReceiveCount: 1",
        "test_a_message_stays_hidden_for_six_timeouts_and_comes_five_times",
        guard="five-deliveries",
    ),
    TEMPLATE(
        "lease_shorter_than_its_function",
        "I4: a lease outlasts the function by half a minute: a reclaimed task's run has ended.",
        'TASK_LEASE_SECONDS: "90"',
        'TASK_LEASE_SECONDS: "60"',
        "test_the_constants_fit_together",
        guard="lease-outlasts-function",
    ),
    MIGRATE(
        "migrations_at_once",
        "Two deploys at once run one after the other.",
        'cursor.execute("select pg_advisory_lock(%s)", (_LOCK,))',
        'cursor.execute("select pg_try_advisory_lock(%s)", (_LOCK,))',
        "test_concurrent_runs_take_turns",
        guard="one-run-at-a-time",
    ),
    MIGRATE(
        "migration_half_applied",
        "A migration that was begun and never finished stops the deploy.",
        "if not finished:",
        "if False:",
        "test_interrupted_migration_outside_a_transaction_is_refused",
        guard="unfinished-migration",
    ),
    MIGRATE(
        "migration_of_newer_code",
        "A database that is newer than the code stops the deploy.",
        "if name not in files:",
        "if False:",
        "test_database_newer_than_the_code_is_refused",
        guard="newer-database",
    ),
    MIGRATE(
        "migration_changed_afterwards",
        "A migration that was changed after it was applied stops the deploy.",
        "if files[name] != checksum:",
        "if False:",
        "test_changed_migration_is_refused",
        guard="changed-migration",
    ),
    MIGRATE(
        "migration_in_the_middle",
        "A migration that comes too late to come first stops the deploy.",
        "if name not in known and name < last:",
        "if False:",
        "test_misplaced_migration_is_refused",
        guard="misplaced-migration",
    ),
    MIGRATE(
        "migration_in_pieces",
        "A migration is applied and remembered together, or not at all.",
        "with _transaction(cursor):",
        "with suppress(ZeroDivisionError):",
        "test_migration_that_cannot_be_remembered_is_not_applied",
        also=(
            (
                "from contextlib import contextmanager",
                "from contextlib import contextmanager, suppress",
            ),
        ),
        guard="migration-with-its-row",
    ),
    VAULT(
        "ciphertext_of_any_account",
        "I10: a ciphertext that is moved to another account's row cannot be read.",
        'f"[{_FORMAT},{encode_basestring_ascii(account_id)},{version}]"',
        'f"[{_FORMAT},{version}]"',
        "tests/security/test_credentials.py::test_names_cannot_be_run_together",
        guard="bound-to-account",
    ),
    VAULT(
        "ciphertext_of_any_version",
        "I10: nor one of another version.",
        'f"[{_FORMAT},{encode_basestring_ascii(account_id)},{version}]"',
        'f"[{_FORMAT},{encode_basestring_ascii(account_id)}]"',
        "tests/security/test_credentials.py::test_names_cannot_be_run_together",
        guard="bound-to-version",
    ),
)
