"""The read side on Postgres: views and reading functions, one round trip each, no locks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from flamebot.adapters.postgres import cursors
from flamebot.adapters.postgres.connection import Database, Row
from flamebot.adapters.postgres.overviews import first, instance_key, overview, service_overview
from flamebot.domain.errors import NotFound
from flamebot.ports.clock import Clock
from flamebot.ports.engine_store import Json
from flamebot.ports.read_store import Page

# A Lambda function's response may have 6 MB, and 200 instances with full contexts have more.
_LARGEST_PAGE = 4_000_000  # characters

_FILTERS = {
    "status": "w.status = %(status)s",
    "type": "w.workflow_type = %(type)s",
    "account_id": "w.account_id = %(account_id)s",
    "step_id": "w.current_step_id = %(step_id)s",
    "error": "strpos(lower(w.last_error), lower(%(error)s)) > 0",
    "error_code": "%(error_code)s in (split_part(w.last_error, ':', 1),"
    " split_part(w.task ->> 'error', ':', 1))",
    "due_before": "w.next_action_at < %(due_before)s",
    "updated_after": "w.updated_at >= %(updated_after)s",
    "updated_before": "w.updated_at < %(updated_before)s",
}

# Materialized: the view is aggregated once, not once per definition.
_DEFINITIONS = """
with usage as materialized (
    select u.type, u.status, sum(u.instances)::bigint as instances
      from definition_usage u group by u.type, u.status)
select d.*,
       coalesce((select jsonb_object_agg(u.status, u.instances) from usage u where u.type = d.type),
                '{}') as instances
  from definition_overview d
 where d.is_current
 order by d.type
"""


class PostgresReadStore:
    """`ReadStore` on Postgres. Every call is repeatable."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def account(self, account_id: str) -> Json:
        """Return an account without its credentials."""
        rows = self._rows(
            "select * from account_overview where flamebot_id = %(id)s", id=account_id
        )
        return first(rows, "There is no such account.")

    def workflow(self, instance_id: str) -> Json:
        """Return an instance with its latest task."""
        key = instance_key(instance_id)
        rows = self._rows("select * from workflow_overview where id = %(id)s", id=key)
        return first(rows, "There is no such workflow.")

    def workflows(self, filters: Mapping[str, Any], cursor: str | None, limit: int) -> Page:
        """Return a page of instances, newest first; `error` is matched anywhere, in any case."""
        # Names come from the table above, never from the client; values are parameters.
        conditions = [_FILTERS[name] for name, value in filters.items() if value is not None]
        after = _newest_first(cursor, conditions, "w.started_at", "w.id")
        rows = self._rows(
            f"select w.* from workflow_overview w {_where(conditions)}"
            " order by w.started_at desc, w.id limit %(limit)s",
            **filters,
            **after,
            limit=limit + 1,
        )
        return _page(rows, limit, lambda row: cursors.encode(row["started_at"], row["id"]))

    def history(self, instance_id: str, cursor: str | None, limit: int) -> Page:
        """Return a page of an instance's history, oldest first."""
        key = instance_key(instance_id)
        (after,) = cursors.decode(cursor, cursors.number) if cursor is not None else (0,)
        rows = self._rows(
            "select h.* from workflow_history h"
            " where h.instance_id = %(id)s and h.sequence > %(after)s"
            " order by h.sequence limit %(limit)s",
            id=key,
            after=after,
            limit=limit + 1,
        )
        # A second query only for an empty page, which most pages are not.
        exists = "select 1 from workflow_overview where id = %(id)s"
        if not rows and not self._rows(exists, id=key):
            raise NotFound("There is no such workflow.")
        return _page(rows, limit, lambda row: cursors.encode(row["sequence"]))

    def definitions(self) -> list[Json]:
        """Return the current versions; `instances` counts those of all versions by status."""
        return [overview(row) for row in self._rows(_DEFINITIONS)]

    def definition_version(self, workflow_type: str, version: int | None) -> Json:
        """Return one version, by default the current one."""
        which = "d.is_current" if version is None else "d.version = %(version)s"
        rows = self._rows(
            f"select d.* from definition_overview d where d.type = %(type)s and {which}",
            type=workflow_type,
            version=version,
        )
        missing = "definition" if version is None else "version of this definition"
        return first(rows, f"There is no such {missing}.")

    def failed_tasks(self, cursor: str | None, limit: int) -> Page:
        """Return a page of the last tasks of failed instances, newest instance first."""
        conditions = ["f.task_id is not null"]
        after = _newest_first(cursor, conditions, "f.instance_started_at", "f.instance_id")
        rows = self._rows(
            f"select f.* from failed_tasks f {_where(conditions)}"
            " order by f.instance_started_at desc, f.instance_id limit %(limit)s",
            **after,
            limit=limit + 1,
        )
        return _page(
            rows, limit, lambda row: cursors.encode(row["instance_started_at"], row["instance_id"])
        )

    def engine_stats(self) -> Json:
        """Return `workflows`, `tasks`, `accounts` by status, `steps` by action, and `lateness`."""
        return self._figures("engine_stats(%(now)s)")

    def service_state(self, name: str) -> Json:
        """Return a service: the state of its breaker, its calls, its openings."""
        params = {"name": name, "now": self._clock.now()}
        return service_overview(
            self._database.value("service_state(%(name)s, %(now)s)", params, repeatable=True)
        )

    def due_histogram(self, minutes: int) -> list[Json]:
        """Return `minute` and `tasks`; overdue tasks count in the first minute."""
        sql = "select * from due_histogram(%(now)s, %(minutes)s)"
        rows = self._rows(sql, now=self._clock.now(), minutes=minutes)
        return [overview(row) for row in rows]

    def engine_health(self) -> Json:
        """Return the figures of the health check."""
        return self._figures("engine_health(%(now)s)")

    def _figures(self, call: str) -> Json:
        params = {"now": self._clock.now()}
        return overview(self._database.value(call, params, repeatable=True))

    def _rows(self, sql: str, **params: object) -> list[Row]:
        return self._database.call(sql, params, repeatable=True)


def _newest_first(
    cursor: str | None, conditions: list[str], at: str, key: str
) -> dict[str, object]:
    """Add the condition for what follows a cursor; return its parameters.

    The list is ordered by a time, descending, and then by an id.
    """
    if cursor is None:
        return {}
    cursor_at, cursor_key = cursors.decode(cursor, cursors.moment, cursors.identifier)
    # The first half is implied by the second, and is the only one that the index can use.
    conditions.append(
        f"{at} <= %(cursor_at)s and ({at} < %(cursor_at)s or {key} > %(cursor_key)s::uuid)"
    )
    return {"cursor_at": cursor_at, "cursor_key": cursor_key}


def _where(conditions: list[str]) -> str:
    return "where " + " and ".join(conditions) if conditions else ""


def _page(rows: list[Row], limit: int, cursor_of: Callable[[Row], str]) -> Page:
    """Return as many rows as were requested and fit into a response.

    The query reads one row more than a page holds, to know whether there is a next page.
    """
    items: list[Json] = []
    space = _LARGEST_PAGE
    for row in rows[:limit]:
        space -= len(json.dumps(row, default=str))
        if items and space < 0:  # a page has at least one item, whatever its size
            break
        items.append(overview(row))
    more = len(rows) > len(items)
    return Page(items=items, next_cursor=cursor_of(rows[len(items) - 1]) if more else None)
