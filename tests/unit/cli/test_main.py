"""The command as a whole: help, targets, errors and the local stack."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.main import main, parser
from cli.output import Output
from tests.unit.cli.canned import CannedApi, Reply, problem
from tests.unit.cli.conftest import Flamebot

ROOT = Path(__file__).resolve().parents[3]
NOTHING = Reply(200, {"items": [], "nextCursor": None})
COMMANDS = """dev import status list show history start pause resume stop retry run-now skip-step
pause-all resume-all definitions token"""


def closed_port() -> int:
    """Return a port on which nothing listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def stack(url: str, token: str = "stack-token") -> Path:
    """Write a local stack's file into the working directory."""
    path = Path.cwd() / ".flamebot" / "stack.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"apiUrl": url, "token": token}), encoding="utf-8")
    return path


def profiles(text: str) -> None:
    """Write the user's profiles."""
    path = Path(os.environ["HOME"]) / ".config" / "flamebot" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_help_names_every_command_and_teaches() -> None:
    """`--help` lists every command and shows first steps and exit statuses."""
    text = parser().format_help()
    for command in COMMANDS.split():
        assert f"\n    {command}" in text
    assert "flamebot import accounts.csv" in text
    assert "exit status" in text


@pytest.mark.parametrize("command", COMMANDS.replace("dev ", "").split())
def test_each_command_has_help(flamebot: Flamebot, command: str) -> None:
    """`--help` of each command describes it and exits with 0."""
    ran = flamebot(command, "--help")
    assert (ran.exit, f"usage: flamebot {command}" in ran.out) == (0, True)
    assert "examples:" in ran.out or command == "definitions"


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["nonsense"],
        ["show"],
        ["list", "--limit", "0"],
        ["list", "--status", "odd"],
        ["list", "--stat", "failed"],
    ],
)
def test_wrong_usage_exits_with_two(flamebot: Flamebot, argv: list[str]) -> None:
    """Abbreviated options and unknown words are errors."""
    ran = flamebot(*argv)
    assert (ran.exit, "usage:" in ran.err, ran.out) == (2, True, "")


def test_help_comes_at_once() -> None:
    """`--help` imports no HTTP client, no YAML parser and no adapter."""
    heavy = "httpx yaml pydantic boto3 cryptography devstack flamebot"
    code = (
        "import sys, cli.main; cli.main.parser();"
        f" print([m for m in {heavy.split()!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]"


def test_what_is_said_beats_what_is_found(
    api: CannedApi, flamebot: Flamebot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is: options, named profile, environment, local stack, default profile."""
    api.on("GET", "/v1/workflows", NOTHING)
    elsewhere = f"http://127.0.0.1:{closed_port()}"

    def token_used(*argv: str) -> str:
        api.requests.clear()
        assert flamebot("list", *argv).exit == 0
        return api.requests[0].headers["authorization"].removeprefix("Bearer ")

    profiles(
        f'default = "d"\n[profiles.d]\napi_url = "{api.url}"\ntoken = "profile-token"\n'
        f'[profiles.cmd]\napi_url = "{api.url}"\n'
        f"token_command = \"{sys.executable} -c 'print(42)'\"\n"
    )
    monkeypatch.setenv("FLAMEBOT_API_URL", elsewhere)
    assert token_used("--api-url", api.url) == "planted-token"
    monkeypatch.delenv("FLAMEBOT_TOKEN")
    assert token_used("--profile", "d") == "profile-token"
    assert token_used("--profile", "cmd") == "42"
    monkeypatch.setenv("FLAMEBOT_API_URL", api.url)
    monkeypatch.setenv("FLAMEBOT_TOKEN", "env-token")
    path = stack(elsewhere)
    assert token_used() == "env-token"
    monkeypatch.delenv("FLAMEBOT_API_URL")
    monkeypatch.delenv("FLAMEBOT_TOKEN")
    stack(api.url)
    below = Path.cwd() / "deep" / "down"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert token_used() == "stack-token"
    monkeypatch.setenv("FLAMEBOT_TOKEN", "narrow-token")
    assert token_used() == "narrow-token"
    monkeypatch.delenv("FLAMEBOT_TOKEN")
    monkeypatch.chdir(below.parents[1])
    path.unlink()
    assert token_used() == "profile-token"


def test_without_any_target_the_ways_are_listed(
    flamebot: Flamebot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any target the error lists the three ways to name one."""
    monkeypatch.delenv("FLAMEBOT_API_URL")
    ran = flamebot("list")
    assert ran.exit == 2
    for way in ("flamebot dev", "FLAMEBOT_API_URL", "--profile"):
        assert way in ran.err
    assert flamebot("list", "--profile", "prod").exit == 2
    assert flamebot("list", "--api-url", "http://127.0.0.1:1").exit == 1


@pytest.mark.parametrize(
    "text",
    [
        "[profiles.p]\n",
        "[profiles.p]\napi_url = 5\n",
        "not toml",
        "[profiles.p]\napi_url='http://x'\ntoken_command='/no/such'\n",
    ],
)
def test_a_broken_profile_is_reported(
    flamebot: Flamebot, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A profile that cannot be used is an error that says what is missing."""
    monkeypatch.delenv("FLAMEBOT_TOKEN")
    profiles(text)
    ran = flamebot("list", "--profile", "p")
    assert ran.exit in (2, 4)
    assert "error:" in ran.err
    assert "Traceback" not in ran.err


def test_a_broken_stack_file_is_reported(
    flamebot: Flamebot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged stack.json is an error with advice."""
    monkeypatch.delenv("FLAMEBOT_API_URL")
    stack("x").write_text("{", encoding="utf-8")
    ran = flamebot("list")
    assert (ran.exit, "flamebot dev" in ran.err) == (1, True)


def test_a_problem_is_described_in_words(api: CannedApi, flamebot: Flamebot) -> None:
    """An error says what failed, why, where, what to do next, and the request id."""
    issue = {"pointer": "/query/dueBefore", "detail": "Must be a time."}
    api.on(
        "GET", "/v1/workflows", problem(422, "invalid", "The input is not valid.", errors=[issue])
    )
    ran = flamebot("list", "--due-before", "soon")
    assert ran.exit == 1
    assert ran.err.splitlines()[:3] == [
        "error: The workflows cannot be listed",
        "  why:  The input is not valid. (422, invalid)",
        "        /query/dueBefore  Must be a time.",
    ]
    assert "request: req-1" in ran.err


@pytest.mark.parametrize(
    ("status", "exit_code"), [(401, 4), (403, 4), (404, 3), (413, 1), (429, 1), (503, 1)]
)
def test_the_gateways_own_errors_are_shown(
    api: CannedApi, flamebot: Flamebot, status: int, exit_code: int
) -> None:
    """An error of the gateway shows its message and request id."""
    api.on(
        "GET",
        "/v1/workflows",
        Reply(status, {"message": "Not from us"}, {"Apigw-Requestid": "gw-1"}),
    )
    ran = flamebot("list")
    assert (ran.exit, "Not from us" in ran.err, "request: gw-1" in ran.err, "next:" in ran.err) == (
        exit_code,
        True,
        True,
        True,
    )


def test_a_missing_scope_is_named(api: CannedApi, flamebot: Flamebot) -> None:
    """A 403 error names the scope that the token lacks."""
    headers = {
        "WWW-Authenticate": 'Bearer error="insufficient_scope", scope="flamebot/workflows.write"'
    }
    api.on("GET", "/v1/workflows", problem(403, "forbidden", "No.", headers=headers))
    assert "scope workflows.write" in flamebot("list").err


@pytest.mark.parametrize("body", [b"<html>", b"", b"[" * 100_000, b'{"errors": 5}', b"[1]"])
def test_any_answer_is_survived(api: CannedApi, flamebot: Flamebot, body: bytes) -> None:
    """A response in an unknown form is a failure with a sentence, not a traceback."""
    for status in (200, 500):
        api.on("GET", "/v1/workflows", Reply(status, body))
        ran = flamebot("list")
        assert (ran.exit, "error:" in ran.err, "Traceback" in ran.err) == (1, True, False)


def test_errors_for_programs_are_json(api: CannedApi, flamebot: Flamebot) -> None:
    """With --json an error is a JSON document on standard error."""
    api.on(
        "GET",
        "/v1/workflows",
        problem(503, "unavailable", "Not now.", headers={"Retry-After": "5"}),
    )
    ran = flamebot("list", "--json")
    error = json.loads(ran.err)["error"]
    assert (ran.exit, ran.out) == (1, "")
    assert (error["status"], error["code"], error["requestId"], error["next"]) == (
        503,
        "unavailable",
        "req-1",
        "Try again in 5 s.",
    )


def test_an_unreachable_api_is_reported(flamebot: Flamebot) -> None:
    """A refused connection and a timeout are errors with the address and advice."""
    ran = flamebot("list", "--api-url", f"http://127.0.0.1:{closed_port()}")
    assert (ran.exit, "flamebot dev" in ran.err) == (1, True)
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        ran = flamebot(
            "list", "--timeout", "0.2", "--api-url", f"http://127.0.0.1:{silent.getsockname()[1]}"
        )
    assert (ran.exit, "did not respond in time" in ran.err) == (1, True)
    assert flamebot("list", "--api-url", "nonsense").exit == 1


def test_the_token_is_never_shown(api: CannedApi, flamebot: Flamebot) -> None:
    """No error message contains the token."""
    api.on("GET", "/v1/workflows", Reply(500, b""))
    for more in ([], ["--json"], ["--api-url", f"http://127.0.0.1:{closed_port()}"]):
        ran = flamebot("list", *more)
        assert "planted" not in ran.out + ran.err


def test_a_proxy_does_not_see_loopback(
    api: CannedApi, flamebot: Flamebot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests to the local stack do not use a proxy."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    api.on("GET", "/v1/workflows", NOTHING)
    assert flamebot("list").exit == 0


def test_token_is_made_for_the_stack_of_this_directory(flamebot: Flamebot) -> None:
    """`token` prints a token with the requested scopes, signed with the stack's key."""
    import jwt

    path = stack("http://127.0.0.1:1")
    ran = flamebot("token", "--scope", "read", "--scope", "admin")
    claims = jwt.decode(ran.out.strip(), options={"verify_signature": False})
    assert (ran.exit, claims["scope"]) == (0, "flamebot/read flamebot/admin")
    everything = flamebot("token", "--data-dir", str(path.parent), "--json").json
    assert "definitions.write" in everything["scopes"]
    ran = flamebot("token", "--scope", "nonsense")
    assert (ran.exit, "definitions.write" in ran.err) == (2, True)
    path.unlink()
    assert flamebot("token").exit == 3


def test_dev_has_options_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """`flamebot dev` passes its arguments to the local stack."""
    given: list[list[str]] = []

    def stack_main(argv: list[str]) -> int:
        given.append(argv)
        return 7

    monkeypatch.setattr("cli.commands.local.dev", stack_main)
    assert main(["dev", "--speed", "100", "--help"]) == 7
    assert given == [["--speed", "100", "--help"]]


def test_a_reader_who_has_seen_enough_is_no_error(api: CannedApi) -> None:
    """A closed pipe, as in `flamebot list | head`, is no error."""
    api.on(
        "GET",
        "/v1/workflows",
        Reply(200, {"items": [{"id": "w" * 100}] * 200, "nextCursor": "again"}),
    )
    environment = {
        **os.environ,
        "FLAMEBOT_API_URL": api.url,
        "FLAMEBOT_TOKEN": "t",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "cli.main", "list", "--quiet", "--limit", "4000"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read().decode()
        assert (process.wait(30), errors) == (0, "")


def test_an_interrupt_exits_with_130(api: CannedApi) -> None:
    """Ctrl-C ends a command with status 130 and without a traceback."""
    come = threading.Event()

    def slow(_: Any) -> Reply:
        come.set()
        time.sleep(5)
        return NOTHING

    api.on("GET", "/v1/workflows", slow)
    environment = {
        **os.environ,
        "FLAMEBOT_API_URL": api.url,
        "FLAMEBOT_TOKEN": "t",
        "PYTHONPATH": str(ROOT),
    }
    # In the background of a script, tests and their children ignore SIGINT by default.
    code = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        " sys.argv[0] = 'flamebot'; runpy.run_module('cli.main', run_name='__main__')"
    )
    command = [sys.executable, "-c", code, "list"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert come.wait(30)
        process.send_signal(2)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, b"")


def test_a_fault_of_the_command_is_reported(api: CannedApi, flamebot: Flamebot) -> None:
    """An unexpected error is one sentence; --debug shows the traceback."""
    api.on("GET", "/v1/workflows", Reply(200, {"surprise": True}))
    ran = flamebot("list")
    assert (ran.exit, "--debug" in ran.err, "Traceback" in ran.err) == (1, True, False)
    with pytest.raises(KeyError):
        flamebot("list", "--debug")


def test_colour_is_for_terminals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status words are coloured on a terminal, except with NO_COLOR, --no-color or TERM=dumb."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "\x1b[31m" in Output().paint("failed")
    assert Output(colour=False).paint("failed") == "failed"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Output().paint("failed") == "failed"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert Output().paint("failed") == "failed"
