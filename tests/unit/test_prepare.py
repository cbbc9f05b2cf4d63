"""What a function builds before its first event."""

from __future__ import annotations

from pathlib import Path

import pytest

from flamebot import bootstrap

ROOT = Path(__file__).resolve().parents[2]


def failing() -> None:
    """Fail as with a missing setting."""
    raise RuntimeError("not configured")


def test_lambda_builds_in_its_init_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda builds in its init phase, which has a whole processor whatever the memory."""
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    built: list[str] = []
    bootstrap.prepare(lambda: built.append("built"))
    assert built == ["built"]


def test_what_fails_then_is_raised_by_the_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure while building is raised by the handler: the module is imported only once."""
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    bootstrap.prepare(failing)


def test_only_lambda_builds_while_importing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing a handler outside Lambda builds nothing."""
    monkeypatch.delenv("AWS_LAMBDA_INITIALIZATION_TYPE", raising=False)
    bootstrap.prepare(failing)


@pytest.mark.parametrize("function", ["step", "tick"])
def test_what_must_be_in_time_is_prepared(function: str) -> None:
    """The two functions with due times, tick and step, are prepared."""
    assert (
        f"bootstrap.prepare(bootstrap.{function}, "
        in (ROOT / "functions" / function / "app.py").read_text()
    )
