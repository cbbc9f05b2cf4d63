-- Who may do what. Each Lambda function has a role of its own, which may execute its SQL functions
-- and, where it shows things to people, read views. No role but the owner has rights on a table,
-- with one exception below. Run as the owner, last, every time: roles belong to the whole server,
-- and what is granted here belongs to this database.
-- Passwords are not set here: on AWS a role logs in by IAM, on the local stack it gets a random
-- password.

do $$
declare
    v_role text;
    v_name text;
    v_signature text;
    v_rights constant jsonb := '{
        "flamebot_import": [
            "import_accounts", "find_import", "reserve_credentials_versions",
            "current_definition", "definition_document"],
        "flamebot_import_file": [
            "begin_import", "import_chunk", "release_import", "fail_import", "miss_import_file",
            "reserve_credentials_versions", "definition_document"],
        "flamebot_api": [
            "create_import", "cancel_import", "start_workflows", "pause_workflow",
            "resume_workflow", "stop_workflow", "instance_snapshot", "retry_workflow",
            "skip_step", "run_workflow_now", "pause_all", "resume_all", "control_state",
            "publish_definition", "current_definition", "definition_document", "delete_account",
            "free_queue_capacity", "claim_due_tasks", "engine_health", "engine_stats",
            "due_histogram", "allowed_actions", "has_workflow_lock", "has_active_workflow",
            "service_state", "open_service", "close_service"],
        "flamebot_tick": [
            "free_queue_capacity", "claim_due_tasks", "resend_expired", "reclaim_expired",
            "commit_tasks", "definition_document", "set_account_status", "record_tick",
            "engine_health"],
        "flamebot_step": [
            "begin_tasks", "commit_tasks", "definition_document", "load_credentials",
            "mark_registered", "set_account_status", "acquire_account_lock",
            "release_account_lock", "acquire_workflow_lock", "release_workflow_lock"],
        "flamebot_maintenance": [
            "find_stalled_imports", "delete_old_imports", "delete_finished_tasks",
            "delete_expired_locks", "delete_old_requests", "maintain_history", "engine_health",
            "find_orphaned_workflows", "record_maintenance", "allowed_actions",
            "delete_old_calls", "service_state"]
    }';
    v_readers constant text[] := array['flamebot_api', 'flamebot_maintenance'];
    -- Longer than any SQL function takes, shorter than the Lambda function that waits for it.
    -- Maintenance waits for its batches.
    v_timeouts constant jsonb := '{
        "flamebot_import": "20s", "flamebot_import_file": "20s", "flamebot_api": "20s",
        "flamebot_tick": "20s", "flamebot_step": "10s", "flamebot_maintenance": "60s"
    }';
begin
    -- What Postgres grants to PUBLIC by default is revoked. The second statement is for functions
    -- that are made later.
    revoke execute on all functions in schema public from public;
    alter default privileges revoke execute on functions from public;
    revoke all on all tables in schema public from public;
    revoke all on all sequences in schema public from public;
    revoke create on schema public from public;
    execute format('revoke temporary on database %I from public', current_database());

    for v_role in select jsonb_object_keys(v_rights) loop
        begin
            execute format('create role %I login', v_role);
        exception when duplicate_object or unique_violation then
            null; -- it exists, or another database of this server has just made it
        end;
        if exists (select 1 from pg_roles r where r.rolname = 'rds_iam')
           and not pg_has_role(v_role, 'rds_iam', 'member')
        then
            execute format('grant rds_iam to %I', v_role);
        end if;
        -- In this database alone, rights that a former version granted are revoked first.
        execute format('revoke all on all tables in schema public from %I', v_role);
        execute format('revoke all on all sequences in schema public from %I', v_role);
        execute format('revoke all on all functions in schema public from %I', v_role);
        execute format('grant connect on database %I to %I', current_database(), v_role);
        execute format('grant usage on schema public to %I', v_role);
        execute format('alter role %I in database %I set statement_timeout = %L',
                       v_role, current_database(), v_timeouts ->> v_role);
        execute format('alter role %I in database %I set idle_in_transaction_session_timeout = %L',
                       v_role, current_database(), '30s');
        for v_name in select jsonb_array_elements_text(v_rights -> v_role) loop
            select p.oid::regprocedure::text into strict v_signature
              from pg_proc p
             where p.pronamespace = 'public'::regnamespace and p.proname = v_name;
            execute format('grant execute on function %s to %I', v_signature, v_role);
        end loop;
    end loop;

    -- The one table that a Lambda function writes itself, because COPY is no SQL function. It may
    -- insert but not read, and import_chunk takes only what the fence of its lease covers.
    grant insert on import_staging to flamebot_import_file;

    foreach v_role in array v_readers loop
        for v_name in select v.viewname from pg_views v where v.schemaname = 'public' loop
            execute format('grant select on %I to %I', v_name, v_role);
        end loop;
    end loop;
end $$;
