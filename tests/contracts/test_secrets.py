"""Secrets of Secrets Manager, as the functions read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from flamebot import resources


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch, aws: Callable[[str], Any]) -> Iterator[Any]:
    """Return resources with Secrets Manager emulated by moto."""
    monkeypatch.setattr(resources, "aws", aws)
    resources.secrets.cache_clear()
    yield aws("secretsmanager")
    resources.secrets.cache_clear()


def test_a_rotated_secret_is_read_anew_after_its_time(emulated: Any) -> None:
    """A warm function reads a secret again after a time."""
    emulated.create_secret(Name="actions-token", SecretString="old")
    token = resources.token(None, "actions-token", "ACTIONS_TOKEN")
    assert token() == "old"
    emulated.put_secret_value(SecretId="actions-token", SecretString="new")
    assert token() == "old"
    resources.secrets()._kept.clear()  # as if the five minutes were over
    assert token() == "new"
    assert resources.token("plain", "actions-token", "ACTIONS_TOKEN")() == "plain"


def test_a_secret_is_kept_for_five_minutes_at_most() -> None:
    """A rotated token must not be used for hours in a warm environment."""
    assert timedelta() < resources.SECRET_MAX_AGE <= timedelta(minutes=5)
