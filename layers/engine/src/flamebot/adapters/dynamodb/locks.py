"""The account lock on DynamoDB: one item and one conditional update per lock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

from flamebot.domain.errors import LocksUnavailable
from flamebot.ports.locks import Holder, LockAnswer, Verdict

# DynamoDB removes an item a day or more after its lock expired; expiry does not depend on it.
_SWEEP_AFTER: Final = timedelta(days=1)

_SET: Final = (
    # guard: lock-names-its-task
    "SET #owner = :owner, #instance = :instance, #sequence = :sequence, #fence = :fence,"
    " #acquired = :now, #expires = :expires, #ttl = :ttl"
)
_MAY_TAKE: Final = (
    # guard: lock-when-free, lock-when-expired, lock-when-own
    "attribute_not_exists(#account) OR #expires <= :now OR #owner = :owner"
    # guard: lock-within-an-instance
    " OR (#instance = :instance AND ("
    # guard: lock-for-a-later-task, lock-for-a-later-fence
    "#sequence < :sequence OR (#sequence = :sequence AND #fence < :fence)"
    # The same task and fence, acquired longer ago than an invocation lives: that holder died
    # between lock and begin.
    # guard: lock-of-the-dead
    " OR (#sequence = :sequence AND #fence = :fence AND #acquired <= :dead)))"
)
_NAMES: Final = {
    "#account": "account_id",
    "#owner": "owner",
    "#instance": "instance_id",
    "#sequence": "sequence",
    "#fence": "fence",
    "#acquired": "acquired_at",
    "#expires": "expires_at",
    "#ttl": "ttl",
}


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # the default of an argument: locks expire by wall time


class DynamoLocks:
    """`Locks` on a DynamoDB table; times are wall time in epoch milliseconds.

    Calls are repeatable: a delivery that asks again for the lock it has is granted it.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401  # boto3 clients have no static type
        table: str,
        *,
        timeout: timedelta,
        lease: timedelta,
        wall: Callable[[], datetime] = _now,
    ) -> None:
        """Set the table and its client. Threads may share the locks.

        Args:
            client: A boto3 client of DynamoDB.
            table: The name of the table.
            timeout: How long a lock is held at most.
            lease: A task's lease.
            wall: Returns wall time.
        """
        self._client = client
        self._table = table
        self._timeout = timeout
        self._lease = lease
        self._wall = wall

    def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
        """Acquire or renew the account's lock. Raises `LocksUnavailable`."""
        now = self._wall()
        expires = now + self._timeout
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"account_id": {"S": account_id}},
                UpdateExpression=_SET,
                ConditionExpression=_MAY_TAKE,  # guard: conditional-lock
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={
                    ":owner": {"S": holder.delivery_id},
                    ":instance": {"S": holder.instance_id},
                    ":sequence": {"N": str(holder.sequence)},
                    ":fence": {"N": str(holder.fence)},
                    ":now": {"N": str(_millis(now))},
                    ":expires": {"N": str(_millis(expires))},
                    # guard: swept-after-expiry
                    ":ttl": {"N": str(_millis(expires + _SWEEP_AFTER) // 1000)},
                    ":dead": {"N": str(_millis(now - self._lease))},
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if _code(error) == "ConditionalCheckFailedException":
                return _refusal(
                    cast("dict[str, dict[str, str]]", error.response.get("Item", {})), holder, now
                )
            # guard: failed-lock-is-no-lock
            raise LocksUnavailable(f"The lock table returned {_code(error)}.") from None
        except BotoCoreError:
            raise LocksUnavailable("The lock table cannot be reached.") from None
        return LockAnswer(verdict=Verdict.ACQUIRED)

    def release(self, account_id: str, delivery_id: str) -> bool:
        """Release the lock; return False if this delivery id does not hold it.

        Raises `LocksUnavailable`.
        """
        try:
            self._client.delete_item(
                TableName=self._table,
                Key={"account_id": {"S": account_id}},
                ConditionExpression="#owner = :owner",  # guard: release-own-lock-only
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": delivery_id}},
            )
        except ClientError as error:
            if _code(error) == "ConditionalCheckFailedException":
                return False
            raise LocksUnavailable(f"The lock table returned {_code(error)}.") from None
        except BotoCoreError:
            raise LocksUnavailable("The lock table cannot be reached.") from None
        return True


def _refusal(item: dict[str, dict[str, str]], holder: Holder, now: datetime) -> LockAnswer:
    """Return DUPLICATE if the item is of the same task and fence, else HELD."""
    if not item:  # an older endpoint does not return the item: try again soon
        return LockAnswer(verdict=Verdict.HELD, held_until=now)
    held_until = datetime.fromtimestamp(int(item["expires_at"]["N"]) / 1000, UTC)
    theirs = (item["instance_id"]["S"], int(item["sequence"]["N"]), int(item["fence"]["N"]))
    # guard: duplicate-or-held
    same = theirs == (holder.instance_id, holder.sequence, holder.fence)
    return LockAnswer(
        verdict=Verdict.DUPLICATE if same else Verdict.HELD, held_until=None if same else held_until
    )


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "an error"))
