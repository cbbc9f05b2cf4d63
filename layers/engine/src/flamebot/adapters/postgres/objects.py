"""Make functions, views, comments and rights anew from their files, in one transaction.

Callers never see half of them. Functions and views carry a mark in their comment, and only marked
ones are dropped when their file is gone: a database may hold objects of other programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

_MARK = "flamebot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The numbers of functions and views, and the names of those that were dropped."""

    functions: int
    views: int
    dropped: tuple[str, ...]


def make_objects(cursor: Any, root: Path) -> Made:  # noqa: ANN401  # psycopg2's cursor, inside a transaction
    """Make `functions/*.sql` and `views/*.sql`, then run `comments/*.sql` and `roles.sql`.

    Args:
        cursor: A psycopg2 cursor inside a transaction.
        root: The folder `sql/`.

    Raises:
        ValueError: The file of a function does not make exactly one function, of its name.
    """
    functions = {file.stem: file.read_text() for file in sorted((root / "functions").glob("*.sql"))}
    views = {file.stem: file.read_text() for file in sorted((root / "views").glob("*.sql"))}
    # Bodies may name functions and views that are made later.
    cursor.execute("set local check_function_bodies = off")
    had = _drop_views(cursor, set(views))
    for name, text in functions.items():
        _make_function(cursor, name, text)
    _make_views(cursor, views)
    dropped = sorted(had - set(views)) + _drop_functions(cursor, keep=set(functions))
    for file in (*sorted((root / "comments").glob("*.sql")), root / "roles.sql"):
        if file.exists():
            cursor.execute(file.read_text())
    return Made(functions=len(functions), views=len(views), dropped=tuple(dropped))


def _make_function(cursor: Any, name: str, text: str) -> None:  # noqa: ANN401
    before = _functions(cursor, name)
    cursor.execute("savepoint one_function")
    try:
        cursor.execute(text)
    except psycopg2.errors.InvalidFunctionDefinition:
        # Its result changed, or the names of its parameters: that needs a drop.
        cursor.execute("rollback to savepoint one_function")
        for signature in before.values():
            cursor.execute(f"drop function {signature}")
        cursor.execute(text)
        before = {}
    cursor.execute("release savepoint one_function")
    after = _functions(cursor, name)
    if len(after) > 1:
        # The types of its parameters changed: callers would go on finding the older function.
        for oid in before.keys() & after.keys():
            cursor.execute(f"drop function {after.pop(oid)}")
    if len(after) != 1:
        raise ValueError(f"functions/{name}.sql must make one function, of that name")
    cursor.execute(f"comment on function {next(iter(after.values()))} is '{_MARK}'")


def _functions(cursor: Any, name: str) -> dict[int, str]:  # noqa: ANN401
    cursor.execute(
        "select oid, oid::regprocedure::text from pg_proc"
        " where pronamespace = 'public'::regnamespace and proname = %s",
        (name,),
    )
    return dict(cursor.fetchall())


def _drop_functions(cursor: Any, *, keep: set[str]) -> list[str]:  # noqa: ANN401
    cursor.execute(
        "select oid::regprocedure::text from pg_proc"
        " where pronamespace = 'public'::regnamespace"
        "   and obj_description(oid, 'pg_proc') = %s and proname <> all (%s::text[])"
        " order by 1",
        (_MARK, list(keep)),
    )
    gone = [str(signature) for (signature,) in cursor.fetchall()]
    for signature in gone:
        cursor.execute(f"drop function {signature}")
    return gone


def _drop_views(cursor: Any, names: set[str]) -> set[str]:  # noqa: ANN401
    # All of ours: functions and views that depend on a view could not be changed under it.
    cursor.execute(
        "select relname::text from pg_class"
        " where relnamespace = 'public'::regnamespace and relkind = 'v'"
        "   and (obj_description(oid, 'pg_class') = %s or relname = any (%s::text[]))"
        " order by 1",
        (_MARK, list(names)),
    )
    found = {str(name) for (name,) in cursor.fetchall()}
    for name in sorted(found):
        cursor.execute(f'drop view if exists "{name}" cascade')
    return found


def _make_views(cursor: Any, texts: dict[str, str]) -> None:  # noqa: ANN401
    # In whatever order works: a view that needs another one is made after it.
    waiting = dict(texts)
    while waiting:
        failure: psycopg2.Error | None = None
        made = []
        for name, text in waiting.items():
            cursor.execute("savepoint one_view")
            try:
                cursor.execute(text)
                cursor.execute(f"comment on view \"{name}\" is '{_MARK}'")
            except psycopg2.errors.UndefinedTable as error:
                cursor.execute("rollback to savepoint one_view")
                failure = error
            else:
                made.append(name)
            cursor.execute("release savepoint one_view")
        for name in made:
            del waiting[name]
        if failure is not None and not made:
            raise failure
