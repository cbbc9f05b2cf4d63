"""The lock per account on DynamoDB: one item, one conditional update."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

from flamebot.domain.errors import LocksUnavailable
from flamebot.ports.locks import Holder, LockAnswer, Verdict

# The table sweeps an item a day after it expired. Expiry itself never waits for that: it may come days late.
_SWEEP_AFTER: Final = timedelta(days=1)

_SET: Final = "SET #owner = :owner, #instance = :instance, #sequence = :sequence, #fence = :fence, #acquired = :now, #expires = :expires, #ttl = :ttl"
_MAY_TAKE: Final = (
    "attribute_not_exists(#account) OR #expires <= :now OR #owner = :owner OR (#instance = :instance AND ("
    "#sequence < :sequence OR (#sequence = :sequence AND #fence < :fence)"
    # The same task and fence, taken longer ago than any invocation lives: that holder died between lock and begin.
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
    return datetime.now(UTC)  # noqa: TID251  # the default of an argument: a lock's time is real


class DynamoLocks:
    """Times are real and in epoch milliseconds. A lost reply is harmless: whoever asks again with its delivery_id has the lock."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401  # boto3 clients have no static type
        table: str,
        *,
        timeout: timedelta,
        lease: timedelta,
        wall: Callable[[], datetime] = _now,
    ) -> None:
        """Take a boto3 DynamoDB client; `lease` is a task's, `timeout` the lock's. Safe to share between threads."""
        self._client = client
        self._table = table
        self._timeout = timeout
        self._lease = lease
        self._wall = wall

    def acquire(self, account_id: str, holder: Holder) -> LockAnswer:
        """Take or renew the account's lock. Raises `LocksUnavailable`."""
        now = self._wall()
        expires = now + self._timeout
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"account_id": {"S": account_id}},
                UpdateExpression=_SET,
                ConditionExpression=_MAY_TAKE,
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={
                    ":owner": {"S": holder.delivery_id},
                    ":instance": {"S": holder.instance_id},
                    ":sequence": {"N": str(holder.sequence)},
                    ":fence": {"N": str(holder.fence)},
                    ":now": {"N": str(_millis(now))},
                    ":expires": {"N": str(_millis(expires))},
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
            raise LocksUnavailable(f"The lock table answered {_code(error)}.") from None
        except BotoCoreError as error:
            raise LocksUnavailable(
                f"The lock table cannot be reached: {type(error).__name__}."
            ) from None
        return LockAnswer(verdict=Verdict.ACQUIRED)

    def release(self, account_id: str, delivery_id: str) -> bool:
        """Give it back, if it is still this delivery_id's: False when it was not (or no longer). Raises `LocksUnavailable`."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key={"account_id": {"S": account_id}},
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": delivery_id}},
            )
        except ClientError as error:
            if _code(error) == "ConditionalCheckFailedException":
                return False
            raise LocksUnavailable(f"The lock table answered {_code(error)}.") from None
        except BotoCoreError as error:
            raise LocksUnavailable(
                f"The lock table cannot be reached: {type(error).__name__}."
            ) from None
        return True


def _refusal(item: dict[str, dict[str, str]], holder: Holder, now: datetime) -> LockAnswer:
    """Tell a duplicate of this very delivery from somebody else, by what the item held."""
    if not item:  # an older endpoint does not return it: wait a moment and ask again
        return LockAnswer(verdict=Verdict.HELD, held_until=now)
    held_until = datetime.fromtimestamp(int(item["expires_at"]["N"]) / 1000, UTC)
    theirs = (item["instance_id"]["S"], int(item["sequence"]["N"]), int(item["fence"]["N"]))
    same = theirs == (holder.instance_id, holder.sequence, holder.fence)
    return LockAnswer(
        verdict=Verdict.DUPLICATE if same else Verdict.HELD, held_until=None if same else held_until
    )


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "an error"))
