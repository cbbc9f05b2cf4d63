"""Every SQL function has one file of its name, a header that tells the truth, and a test; sql/README.md says how the header looks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted((ROOT / "sql" / "functions").glob("*.sql"))
PACKAGE = ROOT / "layers" / "engine" / "src" / "flamebot"
ERRORS = {
    "FB001": "not_found", "FB002": "already_active", "FB003": "not_allowed", "FB004": "busy", "FB005": "revision_conflict",
    "FB006": "precondition_failed", "FB007": "account_incomplete", "FB008": "unknown_workflow_type", "FB009": "idempotency_key_reused",
    "FB010": "idempotency_in_flight",
}  # fmt: skip
_HEADER = re.compile(
    r"-- (?P<name>\w+)\((?P<parameters>[^)]*)\) -> (?P<result>.+)\n"
    r"(?P<sentences>(?:-- (?!Locks:).+\n)+)"
    r"-- Locks: (?P<locks>.+)\n"
    r"-- Errors: (?P<errors>.+)\n"
    r"-- Caller: (?P<callers>.+)\n"
    r"-- Test: (?P<test>\S+)\n"
    r"create or replace function (?P<made>\w+)\((?P<declared>.*?)\)\s+returns",
    re.DOTALL,
)
_LOCKING = re.compile(
    r"pg_(?:try_)?advisory\w*lock\w*\(|\bfor (?:no key )?update\b|\bfor (?:key )?share\b|\bdrop table\b"
)


@dataclass(frozen=True)
class Header:
    """What a function's file says of it, and the file itself."""

    path: Path
    text: str
    parts: dict[str, str]

    @property
    def code(self) -> str:
        """What follows the header."""
        return self.text[self.text.index("create or replace function") :]


def header(path: Path) -> Header:
    """Parse a file's header; fails with what is missing."""
    text = path.read_text()
    # `.` must not run over line ends in the lines of the header.
    found = re.match(_HEADER.pattern.replace(".+", r"[^\n]+"), text, re.DOTALL)
    assert found, (
        f"{path.name}: signature, sentences, Locks, Errors, Caller, Test, in this order, then the function"
    )
    return Header(path=path, text=text, parts=found.groupdict())


@pytest.fixture(params=FUNCTIONS, ids=lambda path: path.stem)
def function(request: pytest.FixtureRequest) -> Header:
    """Each SQL function."""
    return header(request.param)


def test_the_signature_is_the_functions_own(function: Header) -> None:
    """File, header and function bear one name, and the header names every parameter in order."""
    declared = [re.split(r"\s+", part.strip())[0] for part in _split(function.parts["declared"])]
    named = [part.strip() for part in function.parts["parameters"].split(",")]
    assert function.parts["name"] == function.parts["made"] == function.path.stem
    assert named == declared


def test_it_says_what_it_does_in_whole_sentences(function: Header) -> None:
    """From a capital letter to a full stop, and no more lines than anybody reads."""
    lines = [line.removeprefix("-- ") for line in function.parts["sentences"].splitlines()]
    assert 1 <= len(lines) <= 6
    assert re.match(r"[A-Z]", lines[0])
    assert lines[-1].endswith((".", "}"))
    assert all(
        len(line) <= 180 for line in function.text.splitlines() if not line.startswith("-- Caller:")
    )


def test_it_says_what_it_locks(function: Header) -> None:
    """Whoever says none has no locking statement; whoever has one says which."""
    locks = function.parts["locks"]
    assert locks.endswith(".")
    if locks.startswith("none"):
        assert not _LOCKING.search(function.code)


def test_it_says_which_errors_it_raises(function: Header) -> None:
    """Exactly those that stand in its code, by their SQLSTATE and code; those of the functions that it calls may be named too."""
    told = dict(re.findall(r"(FB\d{3}) (\w+)", function.parts["errors"]))
    assert function.parts["errors"].endswith(".")
    assert all(ERRORS[state] == code for state, code in told.items())
    assert set(re.findall(r"errcode = '(FB\d{3})'", function.code)) <= set(told)
    if not told:
        assert function.parts["errors"].startswith(("none", "23514"))


def test_whoever_calls_it_exists_and_does(function: Header) -> None:
    """A file of the engine that names the function, or another function or view that does; or a person."""
    for caller in (part.strip() for part in function.parts["callers"].split(",")):
        path = next((base / caller for base in (ROOT, PACKAGE) if (base / caller).is_file()), None)
        if re.search(r"\.(py|sql)$", caller) and " " not in caller:
            assert path, f"{caller} does not exist"
            assert function.path.stem in path.read_text(), (
                f"{caller} does not call {function.path.stem}"
            )
        else:
            assert "operators" in caller or " " in caller


def test_its_test_exists(function: Header) -> None:
    """A verb's test is named after it; a part of verbs may be tested with one of them."""
    test = ROOT / function.parts["test"]
    assert test.is_file()
    if "adapters/" in function.parts["callers"]:
        assert test.name == f"test_{function.path.stem}.py"


def test_it_cannot_be_led_astray(function: Header) -> None:
    """What runs with its owner's rights finds only what its owner meant; what runs with the caller's is pure."""
    definition = function.code.split("$$")[0]
    if "security definer" in definition:
        assert "set search_path = public, pg_temp" in definition
    else:
        assert re.search(r"language sql (immutable|stable)", definition)


def test_a_verb_that_writes_is_volatile_plpgsql(function: Header) -> None:
    """Its statements see what came before them: in one statement the snapshot would be older than the lock wait."""
    if re.search(r"^\s*(insert into|update|delete from) ", function.code, re.MULTILINE):
        assert "language plpgsql volatile" in function.code


def test_the_header_that_the_readme_shows_is_accepted() -> None:
    """Whoever copies it gets it right."""
    shown = re.search(r"```sql\n(.*?)```", (ROOT / "sql" / "README.md").read_text(), re.DOTALL)
    assert shown
    real = header(ROOT / "sql" / "functions" / "pause_workflow.sql")
    assert shown[1].splitlines()[0] == real.text.splitlines()[0]
    assert [line.split(":")[0] for line in shown[1].splitlines()[-4:]] == [
        "-- Locks",
        "-- Errors",
        "-- Caller",
        "-- Test",
    ]


def test_each_view_says_what_it_shows() -> None:
    """A comment first, then a view of the file's name."""
    for path in sorted((ROOT / "sql" / "views").glob("*.sql")):
        text = path.read_text()
        assert text.startswith("-- "), path.name
        assert f"create view {path.stem} as" in text, path.name


def test_every_function_and_view_is_in_use() -> None:
    """What no code names is left over."""
    python = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    sql = {path: path.read_text() for path in (ROOT / "sql").rglob("*.sql")}
    for path in [*FUNCTIONS, *(ROOT / "sql" / "views").glob("*.sql")]:
        used = path.stem in python or any(
            f"{path.stem}" in text
            for other, text in sql.items()
            if other not in (path, ROOT / "sql" / "roles.sql")
        )
        assert used or "operators" in path.read_text(), path.name


def _split(parameters: str) -> list[str]:
    """Parameters without their defaults; none of ours has a comma in its type."""
    return [part for part in parameters.split(",") if part.strip()] or [""]
