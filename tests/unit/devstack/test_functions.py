"""Functions run as in Lambda: in processes that are reused, limited, and killed at a timeout."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.aws.functions import Function, FunctionError, Throttled
from devstack.aws.template import FunctionSpec
from devstack.child import ROOT

HANDLER = """
import os, sys, time
from beside import greeting

calls = 0
print("loaded")

def handler(event, context):
    global calls
    calls += 1
    match event.get("do"):
        case "raise":
            raise KeyError("what is missing")
        case "exit":
            os._exit(3)
        case "sleep":
            time.sleep(event["seconds"])
        case "odd":
            return object()
        case "print":
            print("said", event["text"])
            sys.stderr.write("and cried\\n")
    return {
        "greeting": greeting, "calls": calls, "pid": os.getpid(), "cwd": os.getcwd(),
        "variable": os.environ.get("GIVEN"), "left": context.get_remaining_time_in_millis(),
        "name": context.function_name, "memory": context.memory_limit_in_mb,
        "id": context.aws_request_id, "arn": context.invoked_function_arn,
        "stdin": sys.stdin.read(),
    }
"""
MakeFunction = Callable[..., Function]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeFunction]:
    """Return a factory for functions with the handler above."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(HANDLER)
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "beside.py").write_text("greeting = 'hello'\n")
    made: list[Function] = []

    def make(*, handler: str = "app.handler", timeout: int = 5, concurrency: int = 2) -> Function:
        spec = FunctionSpec(
            name="sample",
            logical_id="SampleFunction",
            code=code,
            handler=handler,
            timeout=timeout,
            memory=256,
            environment={},
            layers=(),
            concurrency=None,
        )
        variables = {
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "AWS_REGION": "eu-west-1",
            "AWS_LAMBDA_FUNCTION_NAME": "SampleFunction",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "GIVEN": "yes",
        }
        log = tmp_path / "sample.log"
        made.append(Function(spec, variables, [layer], log, concurrency, look_seconds=0))
        return made[-1]

    yield make
    for function in made:
        function.stop()


def test_a_handler_finds_what_lambda_gives(make: MakeFunction, tmp_path: Path) -> None:
    """A handler has context, variables, folder and layers, but not the pipes of the stack."""
    answer = make().invoke({})
    assert answer["greeting"] == "hello"
    assert answer["variable"] == "yes"
    assert (answer["name"], answer["memory"], answer["cwd"]) == (
        "SampleFunction",
        256,
        str(tmp_path / "code"),
    )
    assert 4000 < answer["left"] <= 5000
    assert answer["id"]
    assert answer["arn"].startswith("arn:aws:lambda:")
    assert answer["stdin"] == ""


def test_an_environment_is_kept(make: MakeFunction) -> None:
    """The next event runs in the same process; two concurrent events run in two."""
    function = make()
    first, second = function.invoke({}), function.invoke({})
    assert (second["pid"], second["calls"]) == (first["pid"], 2)
    answers: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(function.invoke({"do": "sleep", "seconds": 0.3}))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    with pytest.raises(Throttled):
        function.invoke({})
    for thread in threads:
        thread.join()
    assert len({answer["pid"] for answer in answers}) == 2


def test_a_warm_environment_waits_for_the_first_event(make: MakeFunction) -> None:
    """`warm` starts an environment and runs its event; the first real events run there.

    If the event fails, no environment is kept.
    """
    function = make()
    for event in ({}, {"do": "sleep", "seconds": 0}):
        function.warm(event)
    answers: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(function.invoke({"do": "sleep", "seconds": 0.5}))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["calls"] for answer in answers] == [2, 2]
    assert len({answer["pid"] for answer in answers}) == 2
    cold = make()
    cold.warm({"do": "exit"})
    assert cold.invoke({})["calls"] == 1


def test_an_invocation_waits_for_a_free_environment(make: MakeFunction) -> None:
    """An invocation with a timeout runs in the environment that becomes free."""
    function = make(concurrency=1)
    function.invoke({})
    thread = threading.Thread(target=function.invoke, args=({"do": "sleep", "seconds": 0.3},))
    thread.start()
    time.sleep(0.1)
    assert function.invoke({}, timeout=5)["calls"] == 3
    thread.join()


def test_changed_code_runs_at_the_next_event(make: MakeFunction, tmp_path: Path) -> None:
    """After a change of the handler or a layer the next event runs new code in a new process."""
    function = make()
    before = function.invoke({})
    (tmp_path / "layer" / "beside.py").write_text("greeting = 'good morning'\n")
    after = function.invoke({})
    assert (before["greeting"], after["greeting"]) == ("hello", "good morning")
    assert after["pid"] != before["pid"]
    assert function.invoke({})["pid"] == after["pid"]
    code = tmp_path / "code" / "app.py"
    code.write_text(HANDLER.replace('"greeting": greeting', '"greeting": greeting.upper()'))
    assert function.invoke({})["greeting"] == "GOOD MORNING"


def test_a_running_invocation_finishes_with_the_old_code(
    make: MakeFunction, tmp_path: Path
) -> None:
    """A change does not interrupt a running invocation; its environment is not used again."""
    function = make()
    old = function.invoke({})["pid"]
    results: list[Any] = []
    thread = threading.Thread(
        target=lambda: results.append(function.invoke({"do": "sleep", "seconds": 0.3}))
    )
    thread.start()
    time.sleep(0.1)
    (tmp_path / "layer" / "beside.py").write_text("greeting = 'good morning'\n")
    assert function.invoke({})["greeting"] == "good morning"
    thread.join()
    assert (results[0]["pid"], results[0]["greeting"]) == (old, "hello")
    assert function.invoke({})["pid"] != old


def test_code_that_does_not_load_fails_until_it_is_fixed(
    make: MakeFunction, tmp_path: Path
) -> None:
    """A syntax error fails the invocation; after the fix the next event succeeds."""
    function = make()
    function.invoke({})
    code = tmp_path / "code" / "app.py"
    code.write_text("def handler(:\n")
    with pytest.raises(FunctionError) as raised:
        function.invoke({})
    assert raised.value.failure["errorType"] == "SyntaxError"
    code.write_text(HANDLER)
    assert function.invoke({})["greeting"] == "hello"


def test_what_it_prints_is_its_log(make: MakeFunction, tmp_path: Path) -> None:
    """Standard output and error go to the log and do not mix with the result."""
    assert make().invoke({"do": "print", "text": '{"id": "x", "result": 1}\n'})["calls"] == 1
    log = (tmp_path / "sample.log").read_text()
    assert log.startswith("loaded\nsaid")
    assert "and cried" in log


@pytest.mark.parametrize(
    ("do", "kind"),
    [("raise", "KeyError"), ("exit", "Runtime.ExitError"), ("odd", "TypeError")],
    ids=["raises", "exits", "no JSON"],
)
def test_failures_are_reported(make: MakeFunction, do: str, kind: str) -> None:
    """A handler that raises, exits or returns no JSON fails; the next event is served."""
    function = make()
    with pytest.raises(FunctionError) as raised:
        function.invoke({"do": do})
    assert raised.value.failure["errorType"] == kind
    assert function.invoke({})["greeting"] == "hello"


def test_the_timeout_kills(make: MakeFunction) -> None:
    """A handler that exceeds its timeout is killed; the next event gets a new process."""
    function = make(timeout=1)
    before = function.invoke({})["pid"]
    began = time.monotonic()
    with pytest.raises(FunctionError, match=r"timed out after 1\.00 seconds"):
        function.invoke({"do": "sleep", "seconds": 30})
    assert time.monotonic() - began < 3
    assert function.invoke({})["pid"] != before


def test_a_handler_that_does_not_load_is_reported(make: MakeFunction) -> None:
    """A missing module or handler fails the invocation and is named in the error."""
    for handler, kind in (
        ("nowhere.handler", "ModuleNotFoundError"),
        ("app.missing", "AttributeError"),
    ):
        with pytest.raises(FunctionError) as raised:
            make(handler=handler).invoke({})
        assert raised.value.failure["errorType"] == kind


def test_a_stopped_function_runs_nothing(make: MakeFunction) -> None:
    """`stop` ends the running invocation, and later events are throttled."""
    function = make()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            function.invoke({"do": "sleep", "seconds": 30})
        except FunctionError as error:
            failures.append(error)

    function.invoke({})
    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.2)
    function.stop()
    thread.join(5)
    assert len(failures) == 1
    with pytest.raises(Throttled):
        function.invoke({})


def test_an_environment_ends_with_its_parent(tmp_path: Path) -> None:
    """A process ends with its parent, even during an invocation."""
    (tmp_path / "app.py").write_text(
        "import time\ndef handler(event, context):\n    time.sleep(60)\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1",
    }
    command = [sys.executable, "-m", "devstack.aws.runtime", str(tmp_path), "app.handler"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b'{"ready": true}\n'
        process.stdin.write(b'{"id": "1", "event": {}, "deadline": 0}\n')
        process.stdin.flush()
        time.sleep(0.2)
        process.stdin.close()
        assert process.wait(5) == 0
