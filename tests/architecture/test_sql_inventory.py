"""Each SQL function has a file of its name, a true header and a test.

`sql/README.md` describes the header.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SQL = ROOT / "sql"
FUNCTIONS = sorted((SQL / "functions").glob("*.sql"))
VIEWS = sorted((SQL / "views").glob("*.sql"))
PACKAGE = ROOT / "layers" / "engine" / "src" / "flamebot"
ADAPTER = PACKAGE / "adapters" / "postgres"
LINE_LIMIT = 100
SENTENCE_LIMIT = 10
ERRORS = {
    "FB001": "not_found", "FB002": "already_active", "FB003": "not_allowed", "FB004": "busy",
    "FB005": "revision_conflict", "FB006": "precondition_failed", "FB007": "account_incomplete",
    "FB008": "unknown_workflow_type", "FB009": "idempotency_key_reused",
    "FB010": "idempotency_in_flight",
}  # fmt: skip
_LINE = r"[^\n]+"
_HEADER = re.compile(
    rf"-- (?P<name>\w+)\((?P<parameters>[^)]*)\) -> (?P<result>{_LINE})\n"
    rf"(?P<sentences>(?:-- (?!Locks:){_LINE}\n)+)"
    rf"-- Locks: (?P<locks>{_LINE})\n"
    rf"-- Errors: (?P<errors>{_LINE})\n"
    rf"-- Callers: (?P<callers>{_LINE})\n"
    r"-- Test: (?P<test>\S+)\n"
    r"create or replace function (?P<made>\w+)\((?P<declared>.*?)\)\s+returns",
    re.DOTALL,
)
_LOCKING = re.compile(
    r"pg_(?:try_)?advisory\w*lock\w*\(|\bfor (?:no key )?update\b|\bfor (?:key )?share\b"
    r"|\bdrop table\b"
)


@dataclass(frozen=True)
class Header:
    """The header of the file of a function, and the file."""

    path: Path
    text: str
    parts: dict[str, str]

    @property
    def code(self) -> str:
        """The text after the header."""
        return self.text[self.text.index("create or replace function") :]


def header(path: Path) -> Header:
    """Parse the header of a file; a line that begins with three blanks continues the one above."""
    text = path.read_text()
    found = re.match(_HEADER, re.sub(r"\n--   (?=\S)", " ", text))
    assert found, (
        f"{path.name}: signature, sentences, Locks, Errors, Callers, Test, in this order, then the "
        "function"
    )
    return Header(path=path, text=text, parts=found.groupdict())


@cache
def _sql_in_python() -> dict[str, str]:
    """Return the string literals of each engine module that names an SQL function."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        skipped: set[int] = set()  # docstrings, and the names of columns
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                first = node.body[0] if node.body else None
                skipped |= {id(first.value)} if isinstance(first, ast.Expr) else set()
            elif isinstance(node, ast.Subscript):
                skipped.add(id(node.slice))
        # A name alone is a call, too: the adapter puts the arguments behind it.
        found[str(path.relative_to(PACKAGE))] = "\n".join(
            f"{node.value}(" if path.parent == ADAPTER and node.value.isidentifier() else node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
        )
    return found


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*", "", sql)


def callers(name: str) -> list[str]:
    """Return every module, SQL function and view that calls the function."""
    call = re.compile(rf"(?<![\w.]){name}\s*\(")
    python = [path for path, strings in _sql_in_python().items() if call.search(strings)]
    sql = [
        str(path.relative_to(ROOT))
        for path in [*FUNCTIONS, *VIEWS]
        if path.stem != name and call.search(_without_comments(path.read_text()))
    ]
    return sorted(python) + sorted(sql)


@pytest.fixture(params=FUNCTIONS, ids=lambda path: path.stem)
def function(request: pytest.FixtureRequest) -> Header:
    """Each SQL function in turn."""
    return header(request.param)


def test_the_signature_matches_the_function(function: Header) -> None:
    """File, header and function have one name, and the header names every parameter in order."""
    declared = [re.split(r"\s+", part.strip())[0] for part in _split(function.parts["declared"])]
    named = [part.strip() for part in function.parts["parameters"].split(",")]
    assert function.parts["name"] == function.parts["made"] == function.path.stem
    assert named == declared


def test_the_description_is_short_and_in_whole_sentences(function: Header) -> None:
    """It begins with a capital letter, ends with a full stop, and has at most ten lines."""
    lines = [line.removeprefix("-- ") for line in function.parts["sentences"].splitlines()]
    assert 1 <= len(lines) <= SENTENCE_LIMIT
    assert re.match(r"[A-Z]", lines[0])
    assert lines[-1].endswith((".", "}"))


@pytest.mark.parametrize("path", sorted(SQL.rglob("*.sql")), ids=lambda path: path.name)
def test_lines_are_short(path: Path) -> None:
    """No line of SQL is longer than 100 columns."""
    long = [line for line in path.read_text().splitlines() if len(line) > LINE_LIMIT]
    assert not long


def test_locks_are_documented(function: Header) -> None:
    """A header that says `none` belongs to a function without a locking statement."""
    locks = function.parts["locks"]
    assert locks.endswith(".")
    if locks.startswith("none"):
        assert not _LOCKING.search(function.code)


def test_errors_are_documented(function: Header) -> None:
    """The header names exactly the errors that the function raises.

    It may name those of the functions that it calls, too.
    """
    named = dict(re.findall(r"(FB\d{3}) (\w+)", function.parts["errors"]))
    assert function.parts["errors"].endswith(".")
    assert all(ERRORS[state] == code for state, code in named.items())
    assert set(re.findall(r"errcode = '(FB\d{3})'", function.code)) <= set(named)
    if not named:
        assert function.parts["errors"].startswith(("none", "23514"))


def test_all_callers_are_documented(function: Header) -> None:
    """The header names every caller: modules of the engine, SQL functions, views; else people."""
    found = callers(function.path.stem)
    said = function.parts["callers"]
    if found:
        assert said == ", ".join(found), f"-- Callers: {', '.join(found)}"
    else:
        assert said.startswith("operators")


def test_the_test_exists(function: Header) -> None:
    """A function that Python calls has a test of its own name."""
    test = ROOT / function.parts["test"]
    assert test.is_file()
    if "adapters/" in function.parts["callers"]:
        assert test.name == f"test_{function.path.stem}.py"


def test_the_search_path_is_fixed(function: Header) -> None:
    """A function that runs with the rights of its owner finds only objects of `public`."""
    definition = function.code.split("$$")[0]
    if "security definer" in definition:
        assert "set search_path = public, pg_temp" in definition
    else:
        assert re.search(r"language sql (immutable|stable)", definition)


def test_a_function_that_writes_is_volatile_plpgsql(function: Header) -> None:
    """Its later statements see what earlier ones waited for: each has a snapshot of its own."""
    if re.search(r"^\s*(insert into|update|delete from) ", function.code, re.MULTILINE):
        assert "language plpgsql volatile" in function.code


def test_the_example_header_of_the_readme_is_accepted() -> None:
    """A header that is copied from `sql/README.md` has the right lines in the right order."""
    shown = re.search(r"```sql\n(.*?)```", (SQL / "README.md").read_text(), re.DOTALL)
    assert shown
    real = header(SQL / "functions" / "pause_workflow.sql")
    assert shown[1].splitlines()[0] == real.text.splitlines()[0]
    assert [line.split(":")[0] for line in shown[1].splitlines()[-4:]] == [
        "-- Locks",
        "-- Errors",
        "-- Callers",
        "-- Test",
    ]


def test_each_view_is_described() -> None:
    """The file of a view begins with a comment, and makes a view of its name."""
    for path in VIEWS:
        text = path.read_text()
        assert text.startswith("-- "), path.name
        assert f"create view {path.stem} as" in text, path.name


def test_each_function_and_view_is_in_use() -> None:
    """The engine, another function, another view or a person uses it."""
    python = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    sql = {path: _without_comments(path.read_text()) for path in [*FUNCTIONS, *VIEWS]}
    for path in [*FUNCTIONS, *VIEWS]:
        used = path.stem in python or any(
            path.stem in text for other, text in sql.items() if other != path
        )
        assert used or re.search("operators", path.read_text(), re.IGNORECASE), path.name


def _split(parameters: str) -> list[str]:
    """Return the declared parameters; none of ours has a default or a comma in its type."""
    return [part for part in parameters.split(",") if part.strip()] or [""]
