"""Guards of the lock per account, in both adapters and in its use."""

from __future__ import annotations

from verification.mutants.mutant import Place

DYNAMO = Place(
    "layers/engine/src/flamebot/adapters/dynamodb/locks.py", "tests/contracts/test_locks.py"
)
TABLE = Place("sql/functions/acquire_account_lock.sql", "tests/contracts/test_locks.py")
RELEASE = Place("sql/functions/release_account_lock.sql", "tests/contracts/test_locks.py")
POSTGRES = Place(
    "layers/engine/src/flamebot/adapters/postgres/locks.py",
    "tests/integration/test_acquire_account_lock.py",
)
USE = Place(
    "layers/engine/src/flamebot/services/stepping/account_lock.py",
    "tests/unit/services/test_deliver.py",
)

_SAME_DEAD = '    " OR (#sequence = :sequence AND #fence = :fence AND #acquired <= :dead)))"\n'
_SQL_DEAD = "(l.sequence, l.fence) = (p_sequence, p_fence) and l.acquired_at <= v_wall - p_lease)"
_RELEASE_IF = """                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": delivery_id}},
"""

MUTANTS = (
    DYNAMO(
        "dynamo_lock_for_everybody",
        "I4: the lock is somebody's: the update is conditional.",
        "ConditionExpression=_MAY_TAKE,\n",
        'ConditionExpression=_MAY_TAKE + " OR attribute_exists(#account)",\n',
        "test_another_instance_is_told_until_when",
    ),
    DYNAMO(
        "dynamo_lock_never_free",
        "A lock that nobody holds is free.",
        '"attribute_not_exists(#account) OR #expires <= :now OR',
        '"#expires <= :now OR',
        "test_a_free_lock_is_obtained",
    ),
    DYNAMO(
        "dynamo_lock_never_expires",
        "I6: an expired lock is free.",
        "attribute_not_exists(#account) OR #expires <= :now OR #owner",
        "attribute_not_exists(#account) OR #owner",
        "test_an_expired_lock_is_free",
    ),
    DYNAMO(
        "dynamo_lock_not_renewed",
        "The same delivery renews its lock, also after a lost reply.",
        "#owner = :owner OR (#instance",
        "(#instance",
        "test_the_holder_renews_its_own_lock",
    ),
    DYNAMO(
        "dynamo_lock_of_another_instance",
        "I4: only a later task of the same instance takes the lock over.",
        "(#instance = :instance AND (",
        "(:instance = :instance AND (",
        "test_another_instance_is_told_until_when",
    ),
    DYNAMO(
        "dynamo_lock_of_a_later_task",
        "I4: an earlier task of the instance waits.",
        '    "#sequence < :sequence OR (',
        '    "#sequence <> :sequence OR (',
        "test_an_earlier_task_of_the_same_instance_waits",
    ),
    DYNAMO(
        "dynamo_lock_of_the_dead_is_kept",
        "I6: a later task takes the lock over from a delivery that must be dead.",
        '    "#sequence < :sequence OR (#sequence = :sequence AND #fence < :fence)"\n',
        '    "(#sequence = :sequence AND #fence < :fence)"\n',
        "test_a_later_task_of_the_same_instance_reclaims",
    ),
    DYNAMO(
        "dynamo_lock_of_a_later_fence",
        "I4: an older message of the same task waits.",
        "(#sequence = :sequence AND #fence < :fence)",
        "(#sequence = :sequence AND #fence <> :fence)",
        "test_an_earlier_task_of_the_same_instance_waits",
    ),
    DYNAMO(
        "dynamo_lock_without_an_heir",
        "I6: a duplicate reclaims from a delivery that died between lock and begin.",
        _SAME_DEAD,
        '    "))"\n',
        "test_a_duplicate_reclaims_from_the_dead",
        also=(('                    ":dead": {"N": str(_millis(now - self._lease))},\n', ""),),
    ),
    DYNAMO(
        "dynamo_lock_for_a_duplicate",
        "I4: a duplicate waits for a lease: its twin may be at work.",
        " AND #acquired <= :dead)))",
        " AND :dead = :dead)))",
        "test_a_duplicate_is_told_so",
    ),
    DYNAMO(
        "dynamo_lock_without_a_fence",
        "I4: whose lock it is, is written with it.",
        "#instance = :instance, #sequence = :sequence, #fence = :fence, #acquired = :now,",
        "#instance = :instance, #sequence = :sequence, #acquired = :now,",
        "test_a_duplicate_is_told_so",
    ),
    DYNAMO(
        "dynamo_lock_swept_too_soon",
        "Expiry goes by the item; the sweep comes a day later.",
        "_millis(expires + _SWEEP_AFTER) // 1000",
        "_millis(now) // 1000",
        "tests/contracts/test_dynamo_locks.py::test_expiry_never_waits_for_the_sweep",
    ),
    DYNAMO(
        "dynamo_duplicates_are_others",
        "A duplicate is told so: it touches nothing.",
        "    same = theirs == (holder.instance_id, holder.sequence, holder.fence)\n",
        "    same = False\n",
        "test_a_duplicate_is_told_so",
    ),
    DYNAMO(
        "dynamo_others_are_duplicates",
        "I6: a task whose account is locked by another instance is deferred, not dropped.",
        "    same = theirs == (holder.instance_id, holder.sequence, holder.fence)\n",
        "    same = theirs[1:] == (holder.sequence, holder.fence)\n",
        "test_the_same_fence_of_another_instance_is_no_duplicate",
    ),
    DYNAMO(
        "dynamo_lock_released_by_anybody",
        "I4: only the owner releases.",
        _RELEASE_IF,
        "",
        "test_only_the_owner_releases",
    ),
    DYNAMO(
        "dynamo_error_is_a_lock",
        "I4: a lock table that fails is no lock: the caller defers.",
        '            raise LocksUnavailable(f"The lock table answered {_code(error)}.") from None\n        except BotoCoreError as error:\n'
        '            raise LocksUnavailable(f"The lock table cannot be reached: {type(error).__name__}.") from None\n'
        "        return LockAnswer(",
        "            return LockAnswer(verdict=Verdict.ACQUIRED)\n        except BotoCoreError as error:\n"
        '            raise LocksUnavailable(f"The lock table cannot be reached: {type(error).__name__}.") from None\n'
        "        return LockAnswer(",
        "tests/contracts/test_dynamo_locks.py::test_a_table_that_is_missing_is_unavailable",
    ),
    TABLE(
        "table_lock_for_everybody",
        "I4: the lock is somebody's: the update is conditional.",
        "         where l.expires_at <= v_wall\n",
        "         where true or l.expires_at <= v_wall\n",
        "test_another_instance_is_told_until_when",
        guard="lock-expires",
    ),
    TABLE(
        "table_lock_never_expires",
        "I6: an expired lock is free.",
        "where l.expires_at <= v_wall\n            or l.locked_by",
        "where l.locked_by",
        "test_an_expired_lock_is_free",
        guard="lock-expires",
    ),
    TABLE(
        "table_lock_not_renewed",
        "The same delivery renews its lock.",
        "            or l.locked_by = p_delivery_id\n",
        "",
        "test_the_holder_renews_its_own_lock",
        guard="owner-renews",
    ),
    TABLE(
        "table_lock_of_another_instance",
        "I4: only a later task of the same instance takes the lock over.",
        "or (l.instance_id = p_instance and (l.sequence, l.fence) < (p_sequence, p_fence))",
        "or ((l.sequence, l.fence) < (p_sequence, p_fence))",
        "test_another_instance_is_told_until_when",
        guard="own-earlier-task",
    ),
    TABLE(
        "table_lock_of_the_dead_is_kept",
        "I6: a later task takes the lock over from a delivery that must be dead.",
        "or (l.instance_id = p_instance and (l.sequence, l.fence) < (p_sequence, p_fence))",
        "",
        "test_a_later_task_of_the_same_instance_reclaims",
        guard="own-earlier-task",
    ),
    TABLE(
        "table_lock_without_an_heir",
        "I6: a duplicate reclaims from a delivery that died between lock and begin.",
        f"            or (l.instance_id = p_instance and {_SQL_DEAD};",
        "            ;",
        "test_a_duplicate_reclaims_from_the_dead",
        guard="own-dead-invocation",
    ),
    TABLE(
        "table_lock_for_a_duplicate",
        "I4: a duplicate waits for a lease: its twin may be at work.",
        _SQL_DEAD,
        "(l.sequence, l.fence) = (p_sequence, p_fence))",
        "test_a_duplicate_is_told_so",
        guard="own-dead-invocation",
    ),
    TABLE(
        "table_lock_of_the_dead_of_another_instance",
        "I4: the heir is of the same instance.",
        f"or (l.instance_id = p_instance and {_SQL_DEAD}",
        f"or ({_SQL_DEAD}",
        "test_the_heir_is_of_the_same_instance",
        guard="own-dead-invocation",
    ),
    TABLE(
        "table_duplicates_are_others",
        "A duplicate is told so: it touches nothing.",
        "then 'duplicate' else 'held' end",
        "then 'held' else 'held' end",
        "test_a_duplicate_is_told_so",
        guard="duplicate-delivery",
    ),
    TABLE(
        "table_others_are_duplicates",
        "I6: a task whose account is locked by another instance is deferred, not dropped.",
        "select case when l.instance_id = p_instance"
        " and (l.sequence, l.fence) = (p_sequence, p_fence) then",
        "select case when (l.sequence, l.fence) = (p_sequence, p_fence) then",
        "test_the_same_fence_of_another_instance_is_no_duplicate",
        guard="duplicate-delivery",
    ),
    RELEASE(
        "table_lock_released_by_anybody",
        "I4: only the owner releases.",
        " and l.locked_by = p_delivery_id",
        "",
        "test_only_the_owner_releases",
        guard="only-the-owner-releases",
    ),
    POSTGRES(
        "down_is_no_database_error",
        "I4: an unreachable lock table raises LocksUnavailable, on which the caller defers.",
        "raise LocksUnavailable from None",
        "raise",
        "test_database_that_is_down_is_locks_unavailable",
        guard="locks-unavailable",
    ),
    USE(
        "lock_table_down_is_a_lock",
        "I4: without the lock table nothing is written: the task is put off.",
        "            return LockAnswer(verdict=Verdict.HELD)\n",
        "            return LockAnswer(verdict=Verdict.ACQUIRED)\n",
        "test_a_deferral_is_neither_long_nor_a_spin",
    ),
    USE(
        "held_counts_as_taken",
        "I4: only an acquired lock is held.",
        "self._held = answer.verdict is Verdict.ACQUIRED",
        "self._held = True",
        "test_a_held_lock_puts_off",
    ),
)
