"""An execution environment: a process that loads one handler and runs one event after the other.

Events arrive and results leave as lines of JSON over pipes that the handler cannot reach; what it
prints goes to its log. The process ends with its parent, even during an invocation.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

Handler = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Lambda's context object: facts about the invocation."""

    aws_request_id: str
    function_name: str
    memory_limit_in_mb: int
    deadline: float  # seconds since the epoch, wall time
    function_version: str = "$LATEST"
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None

    @property
    def invoked_function_arn(self) -> str:
        """The function's ARN, in Lambda's form."""
        return (
            f"arn:aws:lambda:{os.environ['AWS_REGION']}:123456789012:function:{self.function_name}"
        )

    @property
    def log_group_name(self) -> str:
        """The function's log group, in Lambda's form."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation is killed."""
        return max(0, int((self.deadline - time.time()) * 1000))


def _incoming_lines(source: int) -> queue.SimpleQueue[bytes]:
    """Return a queue of the incoming lines; this process exits when they end."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        with os.fdopen(source, "rb") as stream:
            for line in stream:
                lines.put(line)
        os._exit(0)

    threading.Thread(target=read, name="end-with-parent", daemon=True).start()
    return lines


def _failure(error: BaseException) -> dict[str, Any]:
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def _send(answers: BinaryIO, document: object) -> None:
    answers.write(json.dumps(document).encode() + b"\n")
    answers.flush()


def _load(code: str, handler: str, layers: list[str]) -> Handler:
    here = os.path.realpath(".")
    sys.path[:] = [
        code,
        *layers,
        *(path for path in sys.path if path and os.path.realpath(path) != here),
    ]
    os.chdir(code)
    module, _, name = handler.rpartition(".")
    loaded: Handler = getattr(importlib.import_module(module.replace("/", ".")), name)
    return loaded


def _answer(handler: Handler, invocation: dict[str, Any]) -> dict[str, Any]:
    context = Context(
        aws_request_id=invocation["id"],
        function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        memory_limit_in_mb=int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
        deadline=invocation["deadline"],
    )
    try:
        result = handler(invocation["event"], context)
        json.dumps(result)
    except Exception as error:
        traceback.print_exc()
        return {"id": invocation["id"], "error": _failure(error)}
    finally:
        sys.stdout.flush()
    return {"id": invocation["id"], "result": result}


def main() -> None:
    """Load the handler of the arguments `code handler layer...` and run events until input ends."""
    code, handler_name, *layers = sys.argv[1:]
    lines = _incoming_lines(os.dup(0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    # Line buffering: what was printed before a kill is in the log.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream
    try:
        handler = _load(code, handler_name, layers)
    except BaseException as error:
        traceback.print_exc()
        _send(answers, {"error": _failure(error)})
        raise SystemExit(1) from None
    _send(answers, {"ready": True})
    while True:
        _send(answers, _answer(handler, json.loads(lines.get())))


if __name__ == "__main__":
    main()
