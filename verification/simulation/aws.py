"""The lock table, the sending side of the queue and the key service, with boto3's signatures."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

if TYPE_CHECKING:
    from verification.simulation.environment import Environment

Item = dict[str, dict[str, str]]
_TOKEN = re.compile(r"\s*(attribute_not_exists|attribute_exists|AND|OR|<=|<>|<|=|\(|\)|[#:]\w+)")


def refused(operation: str, code: str, *, item: Item | None = None) -> ClientError:
    """Build the error response of a refused call."""
    response: Any = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        **({"Item": dict(item)} if item else {}),
    }
    return ClientError(response, operation)


class Condition:
    """A ConditionExpression of DynamoDB with the operators that the locks use.

    Comparisons, attribute_not_exists, AND, OR, brackets.
    """

    def __init__(
        self, text: str, names: dict[str, str], values: dict[str, dict[str, str]], item: Item | None
    ) -> None:
        self._tokens = _TOKEN.findall(text)
        assert "".join(self._tokens) == re.sub(r"\s", "", text), f"not understood: {text}"
        self._names, self._values, self._item = names, values, item or {}

    def holds(self) -> bool:
        """Return whether an item meets the condition."""
        answer = self._any()
        assert not self._tokens, self._tokens
        return answer

    def _any(self) -> bool:
        answer = self._all()
        while self._tokens and self._tokens[0] == "OR":
            self._tokens.pop(0)
            answer = self._all() or answer
        return answer

    def _all(self) -> bool:
        answer = self._one()
        while self._tokens and self._tokens[0] == "AND":
            self._tokens.pop(0)
            answer = self._one() and answer
        return answer

    def _one(self) -> bool:
        token = self._tokens.pop(0)
        if token == "(":
            answer = self._any()
            self._tokens.pop(0)
            return answer
        if token.startswith("attribute_"):
            _, name, _ = (self._tokens.pop(0) for _ in range(3))
            return bool((self._names[name] in self._item) == (token == "attribute_exists"))
        left, operator, right = (
            self._side(token),
            self._tokens.pop(0),
            self._side(self._tokens.pop(0)),
        )
        if left is None or right is None or left.keys() != right.keys():
            return False
        (kind,) = left
        a, b = (int(side[kind]) if kind == "N" else side[kind] for side in (left, right))
        order: int = (a > b) - (a < b)  # type: ignore[operator]  # both are of one kind
        return order in {"=": (0,), "<>": (-1, 1), "<": (-1,), "<=": (-1, 0)}[operator]

    def _side(self, token: str) -> dict[str, str] | None:
        return (
            self._values.get(token) if token.startswith(":") else self._item.get(self._names[token])
        )


class SimDynamo:
    """A client of the simulated lock table."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def update_item(self, **request: Any) -> Any:
        """Change an item if its condition holds. The engine's update uses SET only."""
        return self._call("UpdateItem", request)

    def delete_item(self, **request: Any) -> Any:
        """Delete an item if its condition holds."""
        return self._call("DeleteItem", request)

    def describe_table(self, **_: Any) -> Any:
        """Describe the table: it exists."""
        return {"Table": {"TableStatus": "ACTIVE"}}

    def _call(self, operation: str, request: dict[str, Any]) -> Any:
        environment = self._environment
        world = environment.world
        environment.enter("dynamodb")
        match world.faults.first("dynamodb.fail_before", "dynamodb.throttled"):
            case "fail_before":
                world.trace(f"{environment.name} dynamodb is not there")
                raise EndpointConnectionError(endpoint_url="dynamodb")
            case "throttled":
                world.trace(f"{environment.name} dynamodb throttles")
                raise refused(operation, "ProvisionedThroughputExceededException")
        answer = apply(world.locks, operation, request)
        world.trace(f"{environment.name} {operation} {request['Key']['account_id']['S']} {answer}")
        world.oracle.locked(operation, request, answer is None)
        if world.faults.fires("dynamodb.lost_reply"):
            world.trace(f"{environment.name} dynamodb's reply is lost")
            raise ReadTimeoutError(endpoint_url="dynamodb")
        environment.leave("dynamodb")
        if answer is not None:
            raise answer
        return {}


def apply(items: dict[str, Item], operation: str, request: dict[str, Any]) -> ClientError | None:
    """Apply an UpdateItem or a DeleteItem; return the error if its condition does not hold."""
    account = request["Key"]["account_id"]["S"]
    item = items.get(account)
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    if not Condition(request["ConditionExpression"], names, values, item).holds():
        shown = item is not None and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return refused(operation, "ConditionalCheckFailedException", item=item if shown else None)
    if operation == "DeleteItem":
        items.pop(account, None)
        return None
    changed = dict(item or {"account_id": {"S": account}})
    for assignment in request["UpdateExpression"].removeprefix("SET ").split(", "):
        name, _, value = assignment.partition(" = ")
        changed[names[name]] = values[value]
    items[account] = changed
    return None


class SimSqs:
    """The step queue's client for sending."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # boto3's names
        """Send a batch: wholly, partly or not at all."""
        environment = self._environment
        world = environment.world
        environment.enter("sqs")
        match world.faults.first("sqs.fail_before", "sqs.throttled"):
            case "fail_before":
                world.trace(f"{environment.name} sqs is not there")
                raise EndpointConnectionError(endpoint_url="sqs")
            case "throttled":
                raise refused("SendMessageBatch", "ThrottlingException")
        failed = [entry for entry in Entries if world.faults.fires("sqs.partial")]
        for entry in Entries:
            if entry not in failed:
                world.queue.put(entry["MessageBody"], entry["DelaySeconds"])
        world.trace(f"{environment.name} sends {len(Entries) - len(failed)} of {len(Entries)}")
        if world.faults.fires("sqs.lost_reply"):
            raise ReadTimeoutError(endpoint_url="sqs")
        environment.leave("sqs")
        return {
            "Successful": [{"Id": entry["Id"]} for entry in Entries if entry not in failed],
            "Failed": [
                {"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"}
                for entry in failed
            ],
        }

    def get_queue_attributes(self, *, AttributeNames: list[str], **_: Any) -> Any:  # noqa: N803  # boto3's name
        """Return the queue's attributes; no message is old."""
        return {"Attributes": dict.fromkeys(AttributeNames, "0")}


class SimKms:
    """The key service. Only it can unwrap the data keys that it made."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def generate_data_key(self, **_: Any) -> Any:
        """Generate a data key and its wrapped form."""
        self._ask("GenerateDataKey")
        world = self._environment.world
        wrapped = f"wrapped-{world.rng.randrange(10**12)}".encode()
        return {"CiphertextBlob": wrapped, "Plaintext": unwrapped(wrapped)}

    def decrypt(self, *, CiphertextBlob: bytes, **_: Any) -> Any:  # noqa: N803  # boto3's name
        """Unwrap a data key that this service made."""
        self._ask("Decrypt")
        return {"Plaintext": unwrapped(CiphertextBlob)}

    def _ask(self, operation: str) -> None:
        environment = self._environment
        environment.enter("kms")
        match environment.world.faults.first("kms.fail_before", "kms.throttled"):
            case "fail_before":
                raise EndpointConnectionError(endpoint_url="kms")
            case "throttled":
                raise refused(operation, "ThrottlingException")
        environment.leave("kms")


def unwrapped(wrapped: bytes) -> bytes:
    """Return the data key that a wrapped key stands for."""
    return hashlib.sha256(b"the master key" + wrapped).digest()


CLIENTS = {"dynamodb": SimDynamo, "sqs": SimSqs, "kms": SimKms}
