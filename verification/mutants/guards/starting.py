"""Guards of start, import and publish."""

from __future__ import annotations

from verification.mutants.mutant import Place

RACES = "tests/integration/test_races.py"
ORDER = "tests/integration/test_lock_order.py"
START = Place("sql/functions/start_workflows.sql", "tests/integration/test_start_workflows.py")
IMPORT = Place("sql/functions/import_accounts.sql", "tests/integration/test_import_accounts.py")
UPSERT = Place("sql/functions/upsert_accounts.sql", "tests/integration/test_import_accounts.py")
FIND = Place("sql/functions/find_import.sql", "tests/integration/test_find_import.py")
PUBLISH = Place(
    "sql/functions/publish_definition.sql", "tests/integration/test_publish_definition.py"
)
REGISTERED = Place("sql/functions/mark_registered.sql", "tests/integration/test_mark_registered.py")

_ACCOUNTS = (
    "perform 1 from accounts a where a.flamebot_id = any (v_accounts) order by a.flamebot_id"
    " for no key update;"
)
_FIRST = (
    "select initial_task_status('active', n.phase, false, n.at, v_now, p_horizon, v_paused)"
    " offset 0"
)
_NEWER = (
    "case when excluded.credentials_version > a.credentials_version"
    " then excluded.credentials_version"
)

MUTANTS = (
    START(
        "start_beside_a_pause_all",
        "I7: a global pause waits for a start, or the start finds it.",
        "    perform pg_advisory_xact_lock_shared(7);\n",
        "",
        f"{ORDER}::test_a_global_pause_waits_for_functions_that_make_a_task_due",
        guard="start-takes-the-shared-lock",
    ),
    START(
        "start_without_the_accounts_lock",
        "I1: a start and an erasure of its account run one after the other.",
        _ACCOUNTS,
        "",
        "tests/integration/test_delete_account.py::test_a_start_that_came_first_makes_it_busy",
        "tests/integration/test_delete_account.py::test_a_start_that_comes_later_finds_no_account",
        guard="start-locks-accounts",
    ),
    START(
        "start_locks_accounts_in_any_order",
        "Accounts are locked by id, so that two imports cannot deadlock.",
        _ACCOUNTS,
        _ACCOUNTS.replace(" order by a.flamebot_id", ""),
        f"{ORDER}::test_start_locks_accounts_by_id",
        guard="start-locks-accounts",
    ),
    START(
        "start_inserts_in_any_order",
        "Inserts into a unique index are sorted: it makes writers wait for each other.",
        "order by a.flamebot_id",
        "",
        f"{ORDER}::test_start_inserts_by_account",
        guard="start-inserts-by-account",
    ),
    START(
        "start_decides_by_a_query_beforehand",
        "I1: the unique index decides which start wins; the other gets already_active.",
        "on conflict do nothing",
        "",
        "test_account_with_a_live_workflow_keeps_it",
        guard="unique-index-decides",
    ),
    START(
        "start_of_an_incomplete_account",
        "An account without its model or channel is not started.",
        " and a.model_id is not null and a.channel_id is not null\n",
        "\n",
        "test_every_row_has_its_own_result",
        guard="start-needs-model-and-channel",
    ),
    START(
        "start_under_the_global_pause",
        "I7: what is started under the global pause is pending.",
        _FIRST,
        _FIRST.replace("v_paused", "false"),
        "test_global_pause_starts_but_sends_nothing",
        guard="first-task-status",
    ),
    START(
        "start_gives_a_task_to_a_refused_instance",
        "I2: only an instance that was inserted gets a task.",
        "where (select count(*) from inserted) = (select count(*) from requested)"
        " or r.instance_id = any (array(select i.id from inserted i))",
        "",
        "test_account_with_a_live_workflow_keeps_it",
        guard="only-inserted-instances-get-tasks",
    ),
    IMPORT(
        "import_beside_itself",
        "I9: of two requests under one key one runs, and the other one is refused.",
        "if not pg_try_advisory_xact_lock(8, hashtext(p_principal || E'\\x1f' || p_key)) then",
        "if false then",
        "test_the_same_key_at_once_is_in_flight",
        guard="one-request-per-key",
    ),
    IMPORT(
        "import_keeps_others_waiting",
        "A key belongs to its principal: other keys are not blocked.",
        "hashtext(p_principal || E'\\x1f' || p_key)",
        "hashtext(p_principal)",
        "test_another_key_does_not_wait",
        guard="one-request-per-key",
    ),
    IMPORT(
        "import_under_a_remembered_key",
        "I9: a request with a stored response is not run again under its key.",
        "if exists (select 1 from find_import(p_principal, p_key)) then",
        "if false then",
        "test_a_remembered_key_is_not_used_again",
        guard="stored-key-is-not-used-again",
    ),
    IMPORT(
        "import_beside_a_pause_all",
        "The lock order begins with engine control: else a pause in between could deadlock.",
        "    perform pg_advisory_xact_lock_shared(7);\n",
        "",
        f"{ORDER}::test_import_takes_the_engines_control_before_accounts",
        guard="import-takes-the-shared-lock",
    ),
    UPSERT(
        "import_locks_accounts_in_any_order",
        "Accounts are stored in the order of their ids.",
        'order by r.flamebot_id collate "C"',
        "",
        f"{ORDER}::test_import_stores_accounts_by_id",
        guard="upsert-by-id",
    ),
    UPSERT(
        "import_orders_by_another_collation",
        "The order is that of the column, whatever the collation of the database.",
        'order by r.flamebot_id collate "C"',
        'order by r.flamebot_id collate "en-x-icu"',
        f"{ORDER}::test_import_stores_accounts_by_id",
        guard="upsert-by-id",
    ),
    UPSERT(
        "import_takes_versions_back",
        "The credentials version grows with every change and is never used again.",
        _NEWER,
        "case when true then excluded.credentials_version",
        "test_the_version_grows_even_if_the_older_reservation_comes_last",
        guard="version-grows",
    ),
    UPSERT(
        "import_without_a_new_version",
        "I5: a change of what is registered is a new version, and so a new key.",
        f"credentials_version = {_NEWER}",
        "credentials_version = case when true then a.credentials_version"
        " when false then excluded.credentials_version",
        "test_any_change_makes_a_new_version",
        guard="version-grows",
    ),
    UPSERT(
        "import_of_the_same_makes_a_version",
        "The same values again change nothing, and nothing is registered again.",
        "            or excluded.config not in ('null', a.config)\n",
        "            or true\n",
        "test_the_same_again_changes_nothing",
        guard="same-config-is-no-change",
    ),
    UPSERT(
        "import_that_forgets_what_is_stored",
        "A field that is left out keeps its stored value.",
        "set model_id = coalesce(excluded.model_id, a.model_id),",
        "set model_id = excluded.model_id,",
        "test_fields_that_are_left_out_are_kept",
        guard="null-keeps-what-is-stored",
    ),
    IMPORT(
        "import_remembers_what_to_send",
        "A stored response must not send messages again.",
        "jsonb_agg(s - 'send')",
        "jsonb_agg(s)",
        "test_the_request_is_remembered_without_the_tasks_to_send",
        guard="stored-response-sends-nothing",
    ),
    FIND(
        "key_remembered_for_ever",
        "A key expires after a day, and can then be used again.",
        " and r.created_at > clock_timestamp() - interval '24 hours'",
        "",
        "test_a_key_expires_after_a_day",
        guard="key-expires",
    ),
    FIND(
        "key_of_another_caller",
        "A key belongs to its principal.",
        "r.principal = p_principal and r.key = p_key",
        "r.key = p_key",
        "test_a_key_belongs_to_its_caller",
        guard="key-belongs-to-its-principal",
    ),
    REGISTERED(
        "registration_of_an_old_version",
        "I5: only the present version is marked registered; a newer one is registered next.",
        " and a.credentials_version = p_version",
        "",
        "test_only_the_current_version_can_be_marked",
        guard="only-the-current-version",
    ),
    PUBLISH(
        "publishers_at_once",
        "I11: of two concurrent publishers the second one reads the first one's version.",
        "perform pg_advisory_xact_lock(9, hashtext(v_type));",
        "perform 1;",
        "test_publishers_at_once_take_turns",
        guard="one-publisher",
    ),
    PUBLISH(
        "publish_over_another_version",
        "Only a client that read the current version replaces it.",
        "or (p_versions is not null and v_current.version <> all (p_versions))",
        "or false",
        "test_who_expects_another_version_is_refused",
        guard="publish-precondition",
    ),
    PUBLISH(
        "publish_over_a_version_that_must_not_be",
        "Only a client that expects no version publishes the first one.",
        "p_exists is distinct from (v_current.id is not null)",
        "false",
        "test_who_expects_another_version_is_refused",
        "test_a_type_that_is_not_there_has_no_version_to_expect",
        guard="publish-precondition",
    ),
    PUBLISH(
        "publish_the_same_again",
        "Publishing the current content again creates no new version.",
        "if p_exists and v_current.id is not null and v_current.name",
        "if false and v_current.name",
        "test_the_same_content_is_no_new_version",
        guard="same-content-again",
    ),
    PUBLISH(
        "publish_a_first_version_again",
        "If-None-Match: * is refused where a version exists, its content included.",
        "if p_exists and v_current.id is not null and v_current.name",
        "if v_current.id is not null and v_current.name",
        "test_a_first_version_is_refused_where_one_exists",
        guard="same-content-again",
    ),
)
