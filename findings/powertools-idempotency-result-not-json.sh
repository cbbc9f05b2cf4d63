#!/usr/bin/env bash
# Powertools idempotency: the repeated call answers with other types than the first, and a result
# that JSON cannot hold makes the effect happen again.
#
# One would expect: a call that is repeated under its key gets what the first one got, and a result
# that cannot be stored is refused before anything is done, or the key stays used.
# What happens: the first caller gets the function's own value, a later one what JSON made of it:
# Decimal("1.10") becomes the text "1.10" and a tuple a list. With a datetime in the result the
# function runs, storing fails, and the record stays "in progress": calls are refused until the
# first invocation's time limit has passed, then the function runs again.
# Versions: aws-lambda-powertools 3.37.0, moto 5.2.5 (in process), boto3 1.44.5.
# Why it matters: the second answer breaks arithmetic on a retry only, and one more field in a
# result turns "once per key" into once per time limit, with an error for every caller. A test that
# calls once, or that uses JSON types only, sees neither.
# Seen on 2026-12-01:
#   first call: {'fee': Decimal('1.10'), 'parts': (1, 2)}
#   same call again: {'fee': '1.10', 'parts': [1, 2]}; effects: 1
#   result with a datetime: IdempotencyPersistenceLayerError; effects: 1
#   again at once: IdempotencyAlreadyInProgressError; effects: 1
#   again after the time limit: IdempotencyPersistenceLayerError; effects: 2
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install aws-lambda-powertools==3.37.0 "moto[dynamodb]==5.2.5" boto3==1.44.5

AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test python - <<'PYTHON'
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version

import boto3
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from moto import mock_aws


class Context:
    @staticmethod
    def get_remaining_time_in_millis():
        return 2000


effects = []
results = {
    "json types almost": {"fee": Decimal("1.10"), "parts": (1, 2)},
    "datetime": {"paid_at": datetime.now(UTC)},
}
print("aws-lambda-powertools", version("aws-lambda-powertools"), "moto", version("moto"))
with mock_aws():
    boto3.client("dynamodb").create_table(
        TableName="keys",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    config = IdempotencyConfig(expires_after_seconds=3600)
    config.register_lambda_context(Context())
    store = DynamoDBPersistenceLayer(table_name="keys")

    @idempotent_function(data_keyword_argument="order", persistence_store=store, config=config)
    def pay(order):
        effects.append(order)
        return results[order]

    def call(order):
        try:
            return pay(order=order)
        except Exception as error:
            return type(error).__name__

    def stored(label, order):
        answer = call(order)
        print(f"{label}: {answer}; effects: {len(effects)}")
        return answer, len(effects)

    first = stored("first call", "json types almost")
    again = stored("same call again", "json types almost")
    effects.clear()
    refused = [stored("result with a datetime", "datetime")]
    refused.append(stored("again at once", "datetime"))
    time.sleep(2.5)
    refused.append(stored("again after the time limit", "datetime"))

expected = (
    ({"fee": Decimal("1.10"), "parts": (1, 2)}, 1),
    ({"fee": "1.10", "parts": [1, 2]}, 1),
    [
        ("IdempotencyPersistenceLayerError", 1),
        ("IdempotencyAlreadyInProgressError", 1),
        ("IdempotencyPersistenceLayerError", 2),
    ],
)
if (first, again, refused) != expected:
    sys.exit("changed: see above")
print("as found: repeated calls get other types, and an unstorable result repeats the effect")
PYTHON
