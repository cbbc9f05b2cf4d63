"""`flamebot import` with small files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.canned import CannedApi, Reply, RequestModel, problem
from tests.unit.cli.conftest import Flamebot

IMPORT = ("POST", "/v1/accounts/import")


def accept(request: RequestModel) -> Reply:
    """Import and start every account whose id does not begin with `bad` or `bare`."""
    results: list[dict[str, Any]] = []
    for index, row in enumerate(request.body["accounts"]):
        name = row["accountId"]
        if name.startswith("bad"):
            issue = {"pointer": f"/accounts/{index}/modelId", "detail": "Must be a string."}
            outcome = {"status": "rejected", "workflow": {"instanceId": None, "status": "rejected"}}
            results.append(
                {
                    "index": index,
                    "accountId": name,
                    **outcome,
                    "problem": {"code": "invalid", "detail": "No.", "errors": [issue]},
                }
            )
        elif name.startswith("bare"):
            outcome = {"status": "created", "workflow": {"instanceId": None, "status": "rejected"}}
            why = {
                "code": "account_incomplete",
                "detail": "modelId and channelId are needed.",
                "errors": [],
            }
            results.append({"index": index, "accountId": name, **outcome, "problem": why})
        else:
            status = "started" if request.body["startAutomation"] else "not_requested"
            results.append(
                {
                    "index": index,
                    "accountId": name,
                    "status": "created",
                    "workflow": {"instanceId": "i", "status": status},
                }
            )
    return Reply(200, {"imported": 0, "started": 0, "rejected": 0, "results": results})


@pytest.fixture(autouse=True)
def api_imports(api: CannedApi) -> None:
    """Let the API import accounts."""
    api.on(*IMPORT, accept)


def write(name: str, content: object) -> str:
    """Write a file in the working directory and return its name."""
    Path(name).write_text(
        content if isinstance(content, str) else json.dumps(content), encoding="utf-8"
    )
    return name


def accounts(count: int) -> list[dict[str, Any]]:
    """Return a list of accounts."""
    return [
        {
            "accountId": f"acct-{n:05}",
            "modelId": "m",
            "channelId": "c",
            "credentials": {"token": f"planted-{n}"},
        }
        for n in range(count)
    ]


def test_a_json_list_is_imported_and_started(api: CannedApi, flamebot: Flamebot) -> None:
    """A list of accounts is stored, and `default` is started for each, at once."""
    ran = flamebot("import", write("a.json", accounts(3)))
    assert ran.exit == 0
    assert "3 rows: 3 imported, 3 started" in ran.out
    (request,) = api.requests
    assert request.body == {
        "accounts": accounts(3),
        "startAutomation": True,
        "workflowType": "default",
        "spreadSeconds": 0,
    }
    assert request.headers["authorization"] == "Bearer planted-token"


def test_options_say_what_to_start(api: CannedApi, flamebot: Flamebot) -> None:
    """Type, spread and start are options of the command."""
    name = write("a.json", accounts(1))
    flamebot("import", name, "--type", "test", "--spread", "6h")
    flamebot("import", name, "--no-start")
    spread, stored = api.requests
    assert (
        spread.body["workflowType"],
        spread.body["spreadSeconds"],
        spread.body["startAutomation"],
    ) == ("test", 21600, True)
    assert stored.body["startAutomation"] is False


def test_a_whole_request_holds_its_own_options(api: CannedApi, flamebot: Flamebot) -> None:
    """A file may be a request of the API; options of the command line override it."""
    name = write(
        "a.json",
        {
            "accounts": accounts(1),
            "startAutomation": False,
            "workflowType": "test",
            "spreadSeconds": 60,
        },
    )
    flamebot("import", name)
    flamebot("import", name, "--start", "--type", "aggressive")
    own, won = (request.body for request in api.requests)
    assert (own["startAutomation"], own["workflowType"], own["spreadSeconds"]) == (
        False,
        "test",
        60,
    )
    assert (won["startAutomation"], won["workflowType"], won["spreadSeconds"]) == (
        True,
        "aggressive",
        60,
    )


def test_csv_columns_are_fields(api: CannedApi, flamebot: Flamebot) -> None:
    """Columns become fields, in either spelling; an empty cell leaves its field out."""
    text = (
        "\ufeffaccountId,model_id,channelId,credentials.token,config.city,config\n"
        'a1,m1,c1,"se,cret",Z\u00fcrich,"{""age"": 30}"\n'
        "\n"
        "a2,,c2,,,\n"
    )
    assert flamebot("import", write("a.csv", text)).exit == 0
    (request,) = api.requests
    assert request.body["accounts"] == [
        {
            "accountId": "a1",
            "modelId": "m1",
            "channelId": "c1",
            "credentials": {"token": "se,cret"},
            "config": {"city": "Z\u00fcrich", "age": 30},
        },
        {"accountId": "a2", "channelId": "c2"},
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deep.json", "[" * 100_000),
        ("nan.json", '[{"accountId": "a", "config": {"x": NaN}}]'),
        ("twice.json", '[{"accountId": "a", "accountId": "b"}]'),
        ("twice.csv", "accountId,modelId,flamebot_id\na,m,b\n"),
    ],
)
def test_ambiguous_or_unparsable_input_is_refused(
    api: CannedApi, flamebot: Flamebot, name: str, text: str
) -> None:
    """JSON nested too deep, NaN and repeated names are refused before anything is sent."""
    ran = flamebot("import", write(name, text))
    assert ran.exit == 2
    assert "cannot be imported" in ran.err
    assert api.requests == []


def test_a_json_file_is_sent_in_requests_of_a_thousand(api: CannedApi, flamebot: Flamebot) -> None:
    """No request has more than 1,000 accounts, and each has a key of its own."""
    ran = flamebot("import", write("a.json", accounts(2500)))
    assert [len(request.body["accounts"]) for request in api.requests] == [1000, 1000, 500]
    assert len({request.headers["idempotency-key"] for request in api.requests}) == 3
    assert "2,500 rows: 2,500 imported" in ran.out


def test_large_rows_are_sent_in_smaller_requests(api: CannedApi, flamebot: Flamebot) -> None:
    """No request comes near the API's limit of 5 MB."""
    heavy = [{"accountId": f"a{n}", "config": {"pad": "x" * 15_000}} for n in range(700)]
    flamebot("import", write("a.json", heavy))
    assert [len(request.body["accounts"]) for request in api.requests] == [299, 299, 102]


def test_the_same_file_has_the_same_keys(api: CannedApi, flamebot: Flamebot) -> None:
    """Another content or option has another key, and no key shows the content."""
    flamebot("import", write("a.json", accounts(1)))
    flamebot("import", write("b.json", json.dumps(accounts(1), indent=4)))
    flamebot("import", "a.json", "--type", "test")
    flamebot("import", write("c.json", accounts(2)))
    keys = [request.headers["idempotency-key"] for request in api.requests]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert all(len(key) <= 200 and "planted" not in key for key in keys)


def test_a_repeated_run_is_reported_as_such(api: CannedApi, flamebot: Flamebot) -> None:
    """The output says first that the result is that of an earlier run; --again sends anew."""
    first = accept(
        RequestModel("POST", "", {}, {}, {"accounts": accounts(2), "startAutomation": True})
    )
    api.on(*IMPORT, first, Reply(200, first.body, {"Idempotent-Replayed": "true"}))
    assert "earlier run" not in flamebot("import", write("a.json", accounts(2))).out
    again = flamebot("import", "a.json").out
    assert again.startswith("An earlier run within a day imported 2 rows of this file.")
    assert "--again" in again
    ran = flamebot("import", "a.json", "--json")
    assert (ran.json["replayed"], "nothing was stored or started now" in ran.err) == (2, True)
    flamebot("import", "a.json", "--again")
    keys = [request.headers["idempotency-key"] for request in api.requests]
    assert (len(set(keys[:3])), keys[3] in keys[:3]) == (1, False)


def test_rejected_rows_are_listed(flamebot: Flamebot) -> None:
    """Each is listed with row and reason and without credentials; the exit code is 6."""
    rows = [
        {"accountId": "good"},
        {"accountId": "bad-1", "credentials": {"token": "planted-secret"}},
        {"accountId": "bare-1"},
    ]
    ran = flamebot("import", write("a.json", rows))
    assert ran.exit == 6
    lines = ran.out.splitlines()
    assert lines[1].split() == [
        "row",
        "2",
        "bad-1",
        "rejected",
        "modelId:",
        "Must",
        "be",
        "a",
        "string.",
    ]
    assert "row 3" in lines[2]
    assert "imported, not started" in lines[2]
    assert "3 rows: 2 imported, 1 started, 1 not started, 1 rejected" in ran.out
    assert "planted" not in ran.out + ran.err


def test_a_rejected_csv_row_is_named_by_its_line(flamebot: Flamebot) -> None:
    """The report of a CSV file names lines."""
    text = "accountId\n" + "".join(f"a{n}\n" for n in range(900)) + "bad-1\n"
    ran = flamebot("import", write("a.csv", text), "--json")
    assert ran.json == {
        "rows": 901,
        "imported": 900,
        "started": 900,
        "alreadyActive": 0,
        "replayed": 0,
        "rejected": 1,
        "rejects": [
            {
                "row": "line 902",
                "accountId": "bad-1",
                "what": "rejected",
                "reason": "modelId: Must be a string.",
            }
        ],
        "warnings": [],
    }


def test_a_request_is_repeated_while_the_api_is_busy(api: CannedApi, flamebot: Flamebot) -> None:
    """Throttled, unavailable or in flight: the same request is sent again with its key."""
    busy = [
        Reply(503, {"message": "Service Unavailable"}, {"Retry-After": "0"}),
        Reply(429, {"message": "Too Many"}, {"Retry-After": "0"}),
    ]
    busy += [problem(409, "idempotency_in_flight", "At work.", headers={"Retry-After": "0"})]
    good = accept(
        RequestModel("POST", "", {}, {}, {"accounts": accounts(1), "startAutomation": True})
    )
    api.on(*IMPORT, *busy, good)
    assert flamebot("import", write("a.json", accounts(1))).exit == 0
    assert len(api.requests) == 4
    assert len({request.headers["idempotency-key"] for request in api.requests}) == 1


def test_an_error_in_the_middle_reports_what_was_imported(
    api: CannedApi, flamebot: Flamebot
) -> None:
    """The output counts the imported rows and says that the command can be repeated."""
    good = accept(
        RequestModel("POST", "", {}, {}, {"accounts": accounts(1000), "startAutomation": True})
    )
    api.on(*IMPORT, good, problem(403, "forbidden", "The token does not carry the scope."))
    ran = flamebot("import", write("a.json", accounts(1500)))
    assert ran.exit == 4
    assert "1,000 rows: 1,000 imported" in ran.out
    assert "The import stopped after 1,000 of 1,500 rows" in ran.err
    assert "run the same command again" in ran.err
    assert "req-1" in ran.err


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", '[{"credentials": "planted-secret",]', "line 1, column 35"),
        ("a.json", '"planted-secret"', "list of accounts"),
        ("a.json", '{"accounts": [], "surprise": "planted-secret"}', "import request"),
        ("a.json", "[]", "no accounts"),
        ("a.csv", "", "accountId"),
        ("a.csv", "accountId,surprise\na,planted-secret\n", "unknown column 'surprise'"),
        ("a.csv", "a,planted-secret\n", "names no column accountId"),
        ("a.csv", "accountId,config.\na,b\n", "unknown column"),
        ("a.csv", "modelId\nm\n", "no column accountId"),
        ("a.csv", 'accountId\n"planted-secret\n', "line 2 is not CSV: its quotes are broken"),
        ("a.csv", "accountId,modelId,model_id\na,m,planted-secret\n", "columns 2 and 3"),
        ("a.csv", "sep=:\naccountId:modelId\n", "comma, semicolon, tab or |"),
        ("a.json", '{"accountId": "a"}\n{"accountId": "b"}\n', "ends in .csv, that of a file with"),
        ("a.jsonl", '[\n  {"accountId": "planted-secret"}\n]\n', "ends in .json"),
        ("a.xlsx", "PK\x03\x04planted-secret", 'Save the sheet as "CSV UTF-8"'),
        ("a.csv", "PK\x03\x04planted-secret", "It is a workbook"),
    ],
)
def test_an_unreadable_file_is_refused(
    api: CannedApi, flamebot: Flamebot, name: str, text: str, why: str
) -> None:
    """The reason names the line, never the content, and nothing is sent."""
    ran = flamebot("import", write(name, text))
    assert ran.exit == 2
    assert why in ran.err
    assert "planted" not in ran.out + ran.err
    assert api.requests == []


@pytest.mark.parametrize("name", ["none.json", "none.csv"])
def test_a_missing_file_is_wrong_usage(flamebot: Flamebot, name: str) -> None:
    """The error names the file."""
    ran = flamebot("import", name)
    assert (ran.exit, name in ran.err) == (2, True)


def test_a_binary_file_is_refused(flamebot: Flamebot) -> None:
    """The error is a sentence, not a traceback."""
    for name in ("a.json", "a.csv"):
        Path(name).write_bytes(b"\xff\xfe\x00accountId")
        ran = flamebot("import", name)
        assert (ran.exit, "cannot be imported" in ran.err) == (2, True)


@pytest.mark.parametrize("spread", ["soon", "-1h", "6x"])
def test_an_invalid_spread_is_wrong_usage(flamebot: Flamebot, spread: str) -> None:
    """A duration is written as in definitions."""
    ran = flamebot("import", write("a.json", accounts(1)), f"--spread={spread}")
    assert (ran.exit, "--spread" in ran.err) == (2, True)
