"""`flamebot import` reports rows that cannot be read, and values that look wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.canned import CannedApi
from tests.unit.cli.conftest import Flamebot
from tests.unit.cli.test_import import IMPORT, accept


@pytest.fixture(autouse=True)
def api_imports(api: CannedApi) -> None:
    """Let the API import accounts."""
    api.on(*IMPORT, accept)


def written(name: str, text: str) -> str:
    """Write a file in the working directory and return its name."""
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_rows_before_an_unreadable_one_are_imported(api: CannedApi, flamebot: Flamebot) -> None:
    """The error names the line, the counts come first, and the exit code is 6: partly done."""
    ran = flamebot("import", written("a.csv", 'accountId\na1\na2\n"a3\na4\n'))
    assert [row["accountId"] for row in api.requests[0].body["accounts"]] == ["a1", "a2"]
    assert (ran.exit, "2 rows: 2 imported" in ran.out) == (6, True)
    assert "cannot be imported after 2 rows" in ran.err
    assert "line 4 is not CSV" in ran.err


def test_a_row_that_cannot_be_read_is_rejected_alone(api: CannedApi, flamebot: Flamebot) -> None:
    """The rows around it are sent; each rejected one is listed with line and reason."""
    text = (
        "accountId,modelId,credentials\n"
        "a1,m,\na2,m,,planted-secret\na3,m,planted-secret\n\na1,n,\nno id,m,\na4,m\n"
    )
    ran = flamebot("import", written("a.csv", text), "--json")
    assert [row["accountId"] for row in api.requests[0].body["accounts"]] == ["a1", "a4"]
    assert (ran.exit, ran.json["rows"], ran.json["rejected"]) == (6, 6, 4)
    assert [(found["row"], found["accountId"]) for found in ran.json["rejects"]] == [
        ("line 3", None),
        ("line 4", None),
        ("line 6", "a1"),
        ("line 7", None),
    ]
    assert "on line 2" in ran.json["rejects"][2]["reason"]
    assert "without blanks" in ran.json["rejects"][3]["reason"]
    assert "planted" not in ran.out + ran.err


def test_the_report_has_the_name_that_the_file_has(flamebot: Flamebot) -> None:
    """A file with flamebotId is answered with flamebotId."""
    text = "flamebotId,modelId\na1,m\na1,m\n"
    (found,) = flamebot("import", written("a.csv", text), "--json").json["rejects"]
    assert (found["flamebotId"], "accountId" in found) == ("a1", False)


def test_rounded_ids_are_imported_with_a_warning(flamebot: Flamebot) -> None:
    """Exponents, long numbers with zeros at the end, decimals, lost zeros and error values."""
    text = (
        "accountId;modelId;channelId;credentials.phone\n"
        "1.23457E+17;m;c;\n12345678901234500;m;c;4,9152E+11\n"
        "10001;m;#N/A;\n10002;m;c;\n10003.0;m;c;\n42;m;c;\n10004;gpt-4.0;c;0049152\n"
    )
    ran = flamebot("import", written("a.csv", text))
    assert (ran.exit, "7 rows: 7 imported" in ran.out) == (0, True)
    warned = [line.split(":")[1].split(" of ")[0] for line in ran.out.splitlines()[1:-1]]
    assert warned == [
        *(" accountId", " accountId", " credentials", " channelId", " accountId", " accountId"),
    ]
    assert "first on line 2, is a number with an exponent" in ran.out
    assert "4,9152E+11" not in ran.out
    found = flamebot("import", "a.csv", "--json").json["warnings"]
    assert [(warning["code"], warning["row"], warning["count"]) for warning in found] == [
        ("exponent", "line 2", 1),
        ("zeros", "line 3", 1),
        ("exponent", "line 3", 1),
        ("error", "line 4", 1),
        ("decimal", "line 6", 1),
        ("lost_zeros", "line 7", 1),
    ]


def test_ids_that_lost_their_zeros_are_a_warning(flamebot: Flamebot) -> None:
    """Numbers of one width among which some are shorter; not numbers that are just counted."""
    ids = [f"{number * 7919 % 100000}" for number in range(1, 60)]
    ran = flamebot("import", written("a.csv", "accountId\n" + "\n".join(ids)), "--json")
    assert [warning["code"] for warning in ran.json["warnings"]] == ["lost_zeros"]
    kept = "\n".join(name.zfill(5) for name in ids)
    assert (
        flamebot("import", written("b.csv", f"accountId\n{kept}"), "--json").json["warnings"] == []
    )
    counted = "\n".join(str(number) for number in range(1, 1000))
    ran = flamebot("import", written("c.csv", f"accountId\n{counted}"), "--json")
    assert ran.json["warnings"] == []
