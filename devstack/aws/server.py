"""The AWS emulator: moto's SQS, S3, DynamoDB, KMS and Secrets Manager in a child process.

Five things differ from moto:

- The KMS key survives restarts.
- The cost of a queue does not grow with the square of its backlog.
- A lock guards the queues: moto loses messages when a receive and a delete run at the same time.
- A lock guards the tables: in moto two conditional writes at the same time may both succeed.
- An upload is kept whatever content type it has: moto reads that of a form as a form, and keeps
  nothing.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import threading
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from moto.core.utils import unix_time_millis
from moto.dynamodb.models import DynamoDBBackend
from moto.kms.models import Key, kms_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs.models import Queue, SQSBackend, sqs_backends
from werkzeug.serving import WSGIRequestHandler, make_server

from devstack.child import end_with_parent, say_ready
from devstack.tokens import write_private

ACCOUNT = "123456789012"
REGION = "eu-west-1"
BRING_FORWARD = "/_stack/bring-forward"  # ?seconds
_LONG_POLL_STEP_SECONDS = 0.02
_FORM = re.compile(r"\s*(?:application/x-www-form-urlencoded|multipart/form-data)", re.IGNORECASE)


def keep_key(path: Path) -> str:
    """Load the KMS key of a file, creating both if there is none, and return the key's id."""
    if not path.exists():
        fresh = {"id": str(uuid4()), "material": base64.b64encode(os.urandom(32)).decode()}
        write_private(path, json.dumps(fresh).encode())
    stored = json.loads(path.read_text())
    # moto generates an RSA key for every key; a symmetric one does not use it.
    with patch("moto.kms.models.generate_private_key", lambda _spec: None):
        make: Any = Key
        key = make(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "local", ACCOUNT, REGION)
    key.id = stored["id"]
    key.arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key.id}"
    key.key_material = base64.b64decode(stored["material"])
    kms_backends[ACCOUNT][REGION].keys[key.id] = key
    return str(key.id)


def speed_up_queues() -> None:
    """Make counting and receiving cheap, and let one thread at a time change a queue."""

    def visible(queue: Any) -> list[Any]:  # noqa: ANN401  # moto's Queue
        now = unix_time_millis()
        messages = queue._messages  # noqa: SLF001
        return [m for m in messages if now > m.visible_at and now >= m.delayed_until]

    def count_delayed(queue: Any) -> int:  # noqa: ANN401
        now = unix_time_millis()
        return sum(now < message.delayed_until for message in queue._messages)  # noqa: SLF001

    def count_in_flight(queue: Any) -> int:  # noqa: ANN401
        now = unix_time_millis()
        return sum(now <= message.visible_at for message in queue._messages)  # noqa: SLF001

    def is_retained(backend: Any, queue_name: str, message: Any) -> bool:  # noqa: ANN401
        seconds = backend.get_queue(queue_name).message_retention_period
        return bool(seconds * 1000 + message.sent_timestamp > unix_time_millis())

    counts = {
        "messages": visible,
        "approximate_number_of_messages_delayed": count_delayed,
        "approximate_number_of_messages_not_visible": count_in_flight,
    }
    for name, count in counts.items():
        setattr(Queue, name, property(count))
    lock = threading.RLock()
    for name in (
        "send_message",
        "send_message_batch",
        "delete_message",
        "delete_message_batch",
        "change_message_visibility",
        "purge_queue",
    ):
        setattr(SQSBackend, name, _exclusive(getattr(SQSBackend, name), lock))
    receive = _exclusive(SQSBackend.receive_message, lock)

    def receive_message(
        backend: Any,  # noqa: ANN401
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        *rest: Any,  # noqa: ANN401
        **more: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        # A long poll is a loop of short receives, so that it does not hold the lock while it waits.
        give_up = time.monotonic() + wait_seconds_timeout
        while True:
            messages = receive(backend, queue_name, count, 0, *rest, **more)
            if messages or time.monotonic() >= give_up:
                return messages
            time.sleep(_LONG_POLL_STEP_SECONDS)

    for name, method in {
        "receive_message": receive_message,
        "is_message_valid_based_on_retention_period": is_retained,
    }.items():
        setattr(SQSBackend, name, method)


def serialise_tables() -> None:
    """Make conditional writes atomic.

    moto checks the condition first and writes later, so that two threads may both get a lock.
    """
    lock = threading.RLock()
    for name in ("put_item", "update_item", "delete_item", "transact_write_items"):
        setattr(DynamoDBBackend, name, _exclusive(getattr(DynamoDBBackend, name), lock))


def _exclusive(method: Any, lock: Any) -> Any:  # noqa: ANN401  # moto's methods
    def locked(*arguments: Any, **more: Any) -> Any:  # noqa: ANN401
        with lock:
            return method(*arguments, **more)

    return locked


def bring_forward(seconds: float) -> None:
    """Make every delayed message visible this many seconds earlier.

    A delay leads to a schedule time; moving the schedule clock brings that time nearer.
    """
    for queue in sqs_backends[ACCOUNT][REGION].queues.values():
        for message in list(queue._messages):  # noqa: SLF001
            message.delayed_until -= seconds * 1000


def _with_own_route(application: Any) -> Any:  # noqa: ANN401  # WSGI
    def serve(environ: dict[str, Any], start_response: Any) -> Any:  # noqa: ANN401
        if environ["PATH_INFO"] != BRING_FORWARD:
            return application(environ, start_response)
        bring_forward(float(environ["QUERY_STRING"]))
        start_response("204 No Content", [])
        return []

    return serve


def keep_forms(application: Any) -> Any:  # noqa: ANN401  # WSGI
    """Let S3 keep the bytes of an upload whose content type is that of a form.

    `curl --data-binary`, wget and urllib send it by default. S3 takes a body
    as it is; moto parses such a body, and finds nothing left to keep.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Any:  # noqa: ANN401
        # Only S3 is called with PUT here; the other services' requests are all POST.
        if environ["REQUEST_METHOD"] == "PUT" and _FORM.match(environ.get("CONTENT_TYPE", "")):
            environ["CONTENT_TYPE"] = "binary/octet-stream"  # what S3 assumes without a type
        return application(environ, start_response)

    return serve


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no request; errors are logged elsewhere."""


def main() -> None:
    """Serve the emulator until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m devstack.aws.server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key-file", type=Path, required=True)
    options = parser.parse_args()
    end_with_parent()
    speed_up_queues()
    serialise_tables()
    key_id = keep_key(options.key_file)
    application = keep_forms(_with_own_route(DomainDispatcherApplication(create_backend_app)))
    server = make_server(
        "127.0.0.1", options.port, application, threaded=True, request_handler=_QuietHandler
    )
    say_ready(url=f"http://127.0.0.1:{server.server_port}", port=server.server_port, key_id=key_id)
    server.serve_forever()


if __name__ == "__main__":
    main()
