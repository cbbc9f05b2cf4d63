"""The read side on Postgres: views and reading functions, one round trip each, no lock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from flamebot.adapters.postgres import cursors
from flamebot.adapters.postgres.connection import Database, Row
from flamebot.adapters.postgres.overviews import first, instance_key, overview
from flamebot.domain.errors import NotFound
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json
from flamebot.ports.read_store import Page

_LARGEST_PAGE = 4_000_000  # characters: an invocation's answer may be 6 MB, and 200 instances with full contexts are more

_FILTERS = {
    "status": "w.status = %(status)s",
    "type": "w.workflow_type = %(type)s",
    "account_id": "w.account_id = %(account_id)s",
    "step_id": "w.current_step_id = %(step_id)s",
    "error": "strpos(lower(w.last_error), lower(%(error)s)) > 0",
    "due_before": "w.next_action_at < %(due_before)s",
}

_DEFINITIONS = """
with usage as materialized (
    select u.type, u.status, sum(u.instances)::bigint as instances from definition_usage u group by u.type, u.status)
select d.*, coalesce((select jsonb_object_agg(u.status, u.instances) from usage u where u.type = d.type), '{}') as instances
  from definition_overview d
 where d.is_current
 order by d.type
"""


class PostgresReadStore:
    """`ReadStore` on Postgres."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def account(self, account_id: str) -> Json:
        """Without credentials."""
        rows = self._ask("select * from account_overview where flamebot_id = %(id)s", id=account_id)
        return first(rows, "There is no such account.")

    def workflow(self, instance_id: str) -> Json:
        """One instance with its live task."""
        rows = self._ask(
            "select * from workflow_overview where id = %(id)s", id=instance_key(instance_id)
        )
        return first(rows, "There is no such workflow.")

    def workflows(self, filters: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
        """Newest first. `error` is found anywhere in `last_error`, whatever its case."""
        conditions = [_FILTERS[name] for name, value in filters.items() if value is not None]
        place = _newest_place(cursor, conditions, "w.started_at", "w.id")
        rows = self._ask(
            f"select w.* from workflow_overview w {_where(conditions)} order by w.started_at desc, w.id limit %(limit)s",
            **filters,
            **place,
            limit=limit + 1,
        )
        return _page(rows, limit, lambda row: cursors.encode(row["started_at"], row["id"]))

    def history(self, instance_id: str, cursor: str | None, limit: int) -> Page:
        """Oldest first."""
        key = instance_key(instance_id)
        (after,) = cursors.decode(cursor, cursors.number) if cursor is not None else (0,)
        rows = self._ask(
            "select h.* from workflow_history h where h.instance_id = %(id)s and h.sequence > %(after)s"
            " order by h.sequence limit %(limit)s",
            id=key,
            after=after,
            limit=limit + 1,
        )
        if not rows and not self._ask(
            "select 1 as there from workflow_overview where id = %(id)s", id=key
        ):
            raise NotFound("There is no such workflow.")
        return _page(rows, limit, lambda row: cursors.encode(row["sequence"]))

    def definitions(self) -> list[Json]:
        """Current versions; `instances` counts those of all versions by status."""
        return [overview(row) for row in self._ask(_DEFINITIONS)]

    def definition_version(self, workflow_type: str, version: int | None) -> Json:
        """One version, by default the current one."""
        which = "d.is_current" if version is None else "d.version = %(version)s"
        rows = self._ask(
            f"select d.* from definition_overview d where d.type = %(type)s and {which}",
            type=workflow_type,
            version=version,
        )
        return first(
            rows,
            "There is no such definition."
            if version is None
            else "There is no such version of this definition.",
        )

    def stats(self) -> Json:
        """`workflows`, `tasks` and `accounts` by status, `steps` by action, `lateness` in seconds of schedule time."""
        return self._answer("select engine_stats(%(now)s) as answer")

    def due_histogram(self, minutes: int) -> list[Json]:
        """`minute` and `tasks`; what is overdue counts in the first."""
        rows = self._ask(
            "select * from due_histogram(%(now)s, %(minutes)s)",
            now=self._clock.now(),
            minutes=minutes,
        )
        return [overview(row) for row in rows]

    def failed_tasks(self, cursor: str | None, limit: int) -> Page:
        """Of the newest instance first."""
        conditions = ["f.task_id is not null"]
        place = _newest_place(cursor, conditions, "f.instance_started_at", "f.instance_id")
        rows = self._ask(
            f"select f.* from failed_tasks f {_where(conditions)} order by f.instance_started_at desc, f.instance_id limit %(limit)s",
            **place,
            limit=limit + 1,
        )
        return _page(
            rows, limit, lambda row: cursors.encode(row["instance_started_at"], row["instance_id"])
        )

    def health(self) -> Json:
        """What the database knows; see `engine_health`."""
        return self._answer("select engine_health(%(now)s) as answer")

    def _ask(self, sql: str, **params: object) -> list[Row]:
        return self._database.call(sql, params, repeatable=True)

    def _answer(self, sql: str) -> Json:
        (row,) = self._ask(sql, now=self._clock.now())
        return overview(row["answer"])


def _newest_place(
    cursor: str | None, conditions: list[str], at: str, key: str
) -> dict[str, object]:
    """Add where a list goes on that is ordered by a time, newest first, and an id."""
    if cursor is None:
        return {}
    cursor_at, cursor_key = cursors.decode(cursor, cursors.moment, cursors.identifier)
    # The first half alone is what the index can use.
    conditions.append(
        f"{at} <= %(cursor_at)s and ({at} < %(cursor_at)s or {key} > %(cursor_key)s::uuid)"
    )
    return {"cursor_at": cursor_at, "cursor_key": cursor_key}


def _where(conditions: list[str]) -> str:
    return "where " + " and ".join(conditions) if conditions else ""


def _page(rows: list[Row], limit: int, cursor_of: Callable[[Row], str]) -> Page:
    """As many of the rows as were asked for and fit into an answer; one more row was read to know whether there are more."""
    items: list[Json] = []
    room = _LARGEST_PAGE
    for row in rows[:limit]:
        room -= len(json.dumps(row, default=str))
        if items and room < 0:
            break
        items.append(overview(row))
    more = len(rows) > len(items)
    return Page(items=items, next_cursor=cursor_of(rows[len(items) - 1]) if more else None)
