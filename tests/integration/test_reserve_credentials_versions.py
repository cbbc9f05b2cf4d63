"""reserve_credentials_versions: each version is returned once."""

from __future__ import annotations

from tests.support.databases import TestDatabase
from tests.support.stores import control


def test_no_version_is_returned_twice(database: TestDatabase) -> None:
    """Versions have six digits and grow."""
    first, second = (
        control(database).reserve_credentials_versions(3),
        control(database).reserve_credentials_versions(2),
    )
    assert len(first) == 3
    assert len(second) == 2
    assert first + second == sorted({*first, *second})
    assert first[0] >= 100_000


def test_no_versions_can_be_reserved(database: TestDatabase) -> None:
    """An import without valid rows needs no version."""
    assert control(database).reserve_credentials_versions(0) == []
