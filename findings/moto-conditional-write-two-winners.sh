#!/usr/bin/env bash
# Two clients of moto's server both win one conditional DynamoDB write.
#
# One would expect: of several UpdateItem calls with attribute_not_exists on one key exactly one
# succeeds. DynamoDB promises that, and locks, idempotency and counters are built on it.
# What happens: moto's server answers each request on a thread of its own, reads the item, checks
# the condition and writes, with no lock around. If Python switches threads in between, two win.
# With Python's own switch interval (5 ms) that is one round in a hundred; the script sets 10
# microseconds, so that a quiet machine shows in seconds what a busy one shows in a test suite.
# Versions: moto 5.2.5 in server mode, urllib3 2.8.0 as the client.
# Why it matters: a test that two workers never hold one lock fails now and then against this
# emulator though the code is right, or, worse, gets a retry that hides a real race.
# Seen on 2026-12-01 (the first number varies between 20 and 60):
#   200 rounds of 4 clients: 42 with more than one winner, 0 without a winner
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install "moto[dynamodb]==5.2.5" flask==3.1.3 flask-cors==6.0.5 urllib3==2.8.0

python - <<'PYTHON'
import json
import logging
import sys
import threading
from importlib.metadata import version

import urllib3
from moto.server import ThreadedMotoServer

ROUNDS, CLIENTS = 200, 4
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
pool = urllib3.PoolManager(maxsize=CLIENTS)
credential = "Credential=test/20261201/eu-west-1/dynamodb/aws4_request"


def dynamodb(operation, **request):
    headers = {
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=none",
    }
    address = f"http://{host}:{port}"
    return pool.request("POST", address, body=json.dumps(request), headers=headers)


created = dynamodb(
    "CreateTable",
    TableName="locks",
    KeySchema=[{"AttributeName": "account", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "account", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
assert created.status == 200, created.data
sys.setswitchinterval(1e-5)
together = threading.Barrier(CLIENTS)
winners = [[] for _ in range(ROUNDS)]
unexpected = []


def contend(client):
    for number in range(ROUNDS):
        together.wait()
        answer = dynamodb(
            "UpdateItem",
            TableName="locks",
            Key={"account": {"S": f"account-{number}"}},
            UpdateExpression="SET holder = :me",
            ConditionExpression="attribute_not_exists(account)",
            ExpressionAttributeValues={":me": {"S": str(client)}},
        )
        if answer.status == 200:
            winners[number].append(client)
        elif b"ConditionalCheckFailed" not in answer.data:
            unexpected.append(answer.data)


threads = [threading.Thread(target=contend, args=(client,)) for client in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
server.stop()

several = sum(len(won) > 1 for won in winners)
none = sum(not won for won in winners)
print("moto", version("moto"))
print(f"{ROUNDS} rounds of {CLIENTS} clients: {several} with more than one winner,"
      f" {none} without a winner")
if not several or none or unexpected:
    sys.exit(f"changed: {several} rounds with several winners, {len(unexpected)} other errors")
print("as found: one conditional write had several winners")
PYTHON
