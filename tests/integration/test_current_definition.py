"""current_definition: the highest active version of a type."""

from __future__ import annotations

import pytest

from flamebot.domain.errors import UnknownWorkflowType
from tests.support.builders import a_definition
from tests.support.databases import TestDatabase
from tests.support.stores import control


def test_the_highest_active_version_is_current(database: TestDatabase) -> None:
    """A version that was taken out of use is passed over."""
    ids = [a_definition(database, "mine", version=version) for version in (1, 2, 3)]
    assert control(database).current_definition("mine")["id"] == ids[2]
    database.rows("update workflow_definitions set is_active = false where version = 3")
    assert control(database).current_definition("mine")["id"] == ids[1]


def test_an_unknown_type_is_an_error(database: TestDatabase) -> None:
    """An unknown type raises an error of its own: a start that names it is a bad request."""
    with pytest.raises(UnknownWorkflowType):
        control(database).current_definition("no-such-type")
