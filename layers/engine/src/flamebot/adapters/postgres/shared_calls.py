"""The calls that the API's store and the import worker's store have in common."""

from __future__ import annotations

from datetime import datetime

from flamebot.adapters.postgres.connection import Database
from flamebot.adapters.postgres.rows import moment
from flamebot.domain.ids import DefinitionId
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json


class SharedCalls:
    """What a store needs that imports accounts and starts workflows."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def now(self) -> datetime:
        """Return the current schedule time: the schedule clock's, else the database's."""
        if at := self._clock.now():
            return at
        return moment(self._database.value("clock_timestamp()", repeatable=True))

    def definition_document(self, definition_id: DefinitionId) -> Json:
        """Return the document of a definition version. Raises `NotFound`."""
        call = "definition_document(%(id)s)"
        return dict(self._database.value(call, {"id": definition_id}, repeatable=True))

    def reserve_credentials_versions(self, count: int) -> list[int]:
        """Return credentials versions that no other caller gets."""
        # Repeatable: a lost response leaves a gap in the versions, which is harmless.
        sql = "select v.version from reserve_credentials_versions(%(count)s) v (version)"
        rows = self._database.call(sql, {"count": count}, repeatable=True)
        return [row["version"] for row in rows]
