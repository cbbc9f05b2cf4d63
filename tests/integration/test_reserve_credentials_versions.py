"""reserve_credentials_versions: each version is handed out once."""

from __future__ import annotations

from tests.support.databases import TestDatabase
from tests.support.stores import control


def test_no_version_is_handed_out_twice(database: TestDatabase) -> None:
    """Six digits, growing."""
    first, second = (
        control(database).reserve_credentials_versions(3),
        control(database).reserve_credentials_versions(2),
    )
    assert len(first) == 3
    assert len(second) == 2
    assert first + second == sorted({*first, *second})
    assert first[0] >= 100_000


def test_none_are_none(database: TestDatabase) -> None:
    """An import without good rows needs no version."""
    assert control(database).reserve_credentials_versions(0) == []
