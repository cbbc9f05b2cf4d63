"""The migrate function brings an empty database to what the code needs.

A second run changes nothing.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg2
import pytest

from flamebot import bootstrap, resources
from flamebot.adapters.cloudformation.custom_resource import ResponseUrlRefused, serve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Set the function's environment with an empty database; return its URL."""
    monkeypatch.setenv("DATABASE_URL", empty_database)
    monkeypatch.setenv("SQL_DIR", str(ROOT / "sql"))
    monkeypatch.setenv("DEFINITIONS_DIR", str(ROOT / "definitions"))
    resources.settings.cache_clear()
    yield empty_database
    resources.settings.cache_clear()


@pytest.fixture
def function() -> ModuleType:
    """Load `functions/migrate/app.py` as Lambda does."""
    spec = importlib.util.spec_from_file_location(
        "migrate_app", ROOT / "functions" / "migrate" / "app.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _event(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / "migrate" / f"{name}.json").read_text())
    return event


def _rows(url: str, sql: str) -> list[Any]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
    finally:
        connection.close()


def test_an_empty_database_becomes_a_working_one(environment: str) -> None:
    """Tables, functions and the three definitions exist. A second deploy changes nothing."""
    sent: list[bytes] = []
    first = serve(
        _event("create"), bootstrap.migrate_database, send=lambda _url, body: sent.append(body)
    )
    assert first["Status"] == "SUCCESS", first["Reason"]
    assert set(json.loads(first["Data"]["definitions"]).items()) == {
        (name, "published") for name in ("aggressive", "default", "test")
    }
    before = _rows(environment, "select type, version from workflow_definitions order by type")
    assert before == [("aggressive", 1), ("default", 1), ("test", 1)]

    second = serve(
        _event("update"), bootstrap.migrate_database, send=lambda _url, body: sent.append(body)
    )
    assert json.loads(second["Data"]["migrations"]) == []
    assert set(json.loads(second["Data"]["definitions"]).values()) == {"unchanged"}
    assert (
        _rows(environment, "select type, version from workflow_definitions order by type") == before
    )
    assert len(sent) == 2


def test_a_half_applied_database_stops_the_deploy(environment: str) -> None:
    """An interrupted migration is refused, and the events of the stack name it."""
    serve(_event("create"), bootstrap.migrate_database, send=lambda _url, _body: None)
    connection = psycopg2.connect(environment)
    with connection, connection.cursor() as cursor:
        cursor.execute("update schema_migrations set finished_at = null where name like '0001%'")
    connection.close()
    answer = serve(_event("update"), bootstrap.migrate_database, send=lambda _url, _body: None)
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith(
        "migration_refused: 0001_expand_tables was begun and never finished."
    )


def test_a_foreign_answer_address_stops_the_handler_before_it_starts(
    environment: str, function: ModuleType
) -> None:
    """A caller cannot make the function send its result to another address, nor send none."""
    with pytest.raises(ResponseUrlRefused):
        function.handler(_event("foreign_answer_address"), None)
    assert _rows(environment, "select count(*) from pg_tables where schemaname = 'public'") == [
        (0,)
    ]
