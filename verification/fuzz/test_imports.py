"""I9: imports of every kind, as JSON and as files.

A row is stored as sent, or rejected without a change.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cli import accounts_file
from cli.failures import Failure
from flamebot.domain.blanks import BLANKS
from tests.security.front import Front
from verification.fuzz.documents import JSON
from verification.fuzz.effort import effort

PLANTED = "planted-credential"
_prefixes = itertools.count(1)
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,20}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=30)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=3)
GOOD = st.fixed_dictionaries(
    {"accountId": IDS},
    optional={"modelId": TEXTS, "channelId": TEXTS, "config": OBJECTS, "credentials": OBJECTS},
)
ODD = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {"accountId": JSON},
        optional={"modelId": JSON, "config": JSON, "credentials": JSON, "surprise": JSON},
    ),
    st.fixed_dictionaries({"accountId": IDS, "config": st.just({"x": "y" * 17_000})}),
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp037")


def post(front: Front, content: bytes) -> Any:
    """Import a body of bytes over HTTP."""
    return front.api.post(
        "/v1/accounts/import", content=content, headers={"content-type": "application/json"}
    )


def accounts(front: Front) -> dict[str, Any]:
    """Return the stored accounts."""
    rows = front.database.rows(
        "select flamebot_id, model_id, channel_id, config,"
        " credentials_ciphertext is not null as sealed from accounts"
    )
    return {row["flamebot_id"]: row for row in rows}


def same(sent: Any, kept: Any) -> bool:
    """Return whether JSON was stored as sent.

    A float is stored as the decimal number of its text.
    """
    if isinstance(sent, dict) and isinstance(kept, dict):
        return sent.keys() == kept.keys() and all(same(sent[name], kept[name]) for name in sent)
    if isinstance(sent, list) and isinstance(kept, list):
        return len(sent) == len(kept) and all(map(same, sent, kept))
    if isinstance(sent, float) and isinstance(kept, int | float):
        return sent == float(kept)
    return bool(sent == kept) and isinstance(sent, bool) == isinstance(kept, bool)


@given(st.lists(st.one_of(GOOD, ODD), min_size=1, max_size=6), st.booleans())
@effort(60)
def test_each_row_is_stored_as_sent_or_rejected_with_reasons(
    front: Front, rows: list[Any], start: bool
) -> None:
    """I9: an acknowledged row is stored field by field.

    A rejected one names its issues and changes no account.
    """
    prefix = f"p{next(_prefixes)}-"
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get("accountId"), str):
            row["accountId"] = prefix + row["accountId"]
    before = accounts(front)
    answer = post(front, json.dumps({"accounts": rows, "startAutomation": start}).encode())
    if answer.status_code == 400:  # the whole document is nested too deep
        assert accounts(front) == before
        return
    assert answer.status_code == 200, answer.text
    results, after = answer.json()["results"], accounts(front)
    assert [result["index"] for result in results] == list(range(len(rows)))
    changed = set()
    for row, result in zip(rows, results, strict=True):
        if result["status"] == "rejected":
            assert result["problem"]["errors"]
            assert all(
                error["pointer"].startswith(f"/accounts/{result['index']}")
                for error in result["problem"]["errors"]
            )
            assert result["workflow"]["status"] in ("rejected", "not_requested")
            continue
        changed.add(row["accountId"])
        kept = after[row["accountId"]]
        assert (kept["model_id"], kept["channel_id"]) == (row.get("modelId"), row.get("channelId"))
        assert same(row.get("config") or {}, kept["config"] or {})
        assert kept["sealed"] == (row.get("credentials") is not None)
    assert set(after) - set(before) == changed
    assert {name: after[name] for name in before} == before
    assert answer.json()["imported"] == len(changed)


@given(st.lists(GOOD, min_size=1, max_size=3), st.sampled_from(ENCODINGS), st.data())
@effort(60)
def test_bytes_that_are_not_quite_json(
    front: Front, rows: list[Any], encoding: str, data: st.DataObject
) -> None:
    """Damaged bytes and other encodings are accepted whole or refused whole, never a 5xx."""
    content = bytearray(
        json.dumps({"accounts": rows}, ensure_ascii=data.draw(st.booleans())).encode(
            encoding, "replace"
        )
    )
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["change", "cut", "insert", "double"])):
            case "change":
                content[at] = data.draw(st.integers(0, 255))
            case "cut":
                del content[at:]
                content += b" "
            case "insert":
                content[at:at] = data.draw(
                    st.sampled_from(
                        [
                            b"\x00",
                            b"NaN",
                            b'"',
                            b"\\ud800",
                            b"\xef\xbb\xbf",
                            b"1e999",
                            b"[" * 100,
                            b"{}",
                        ]
                    )
                )
            case _:
                content[at:at] = content[at : at + 20]
    before = accounts(front)
    answer = post(front, bytes(content))
    assert answer.status_code in (200, 400, 422), answer.text
    if answer.status_code != 200:
        assert accounts(front) == before
        assert answer.json()["code"] in ("malformed", "invalid", "unknown_workflow_type")


def read(path: Path) -> list[dict[str, Any]] | Failure:
    """Return the rows of a file that would be sent, or the command line's refusal."""
    try:
        return [row.value for row in accounts_file.read(path).rows if not row.errors]
    except Failure as failure:
        return failure


PIECES = (
    b"accountId",
    b"modelId",
    b"credentials.token",
    b"credentials",
    b"config",
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b'"',
    b"a",
    b"{}",
    b'{"a": 1}',
    b"{",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"[" * 3000,
    b"x" * 140_000,
    b"NaN",
    b";",
    b"\t",
    PLANTED.encode(),
)
FILES = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(
        st.sampled_from(PIECES),
        max_size=25,
    ).map(b"".join),
)


@given(
    FILES,
    st.sampled_from([".csv", ".json"]),
    st.sampled_from([b"", b"accountId,modelId,credentials.token\n", b'[{"accountId": "a"}, ']),
)
@effort(150)
def test_any_file_is_rows_or_a_clear_refusal(
    tmp_path_factory: Any, content: bytes, suffix: str, start: bytes
) -> None:
    """Bytes of any kind give accounts, or an error that does not quote the file."""
    path = _folder(tmp_path_factory) / f"accounts{suffix}"
    path.write_bytes(start + content)
    got = read(path)
    if isinstance(got, Failure):
        named = (
            suffix == ".csv" and b"accountId" in start + content
        )  # the cell beside it may then be a column's name
        assert named or PLANTED not in " ".join(got.lines())
    else:
        json.dumps(got)


@given(
    st.lists(
        st.tuples(IDS, TEXTS, TEXTS, st.text(st.characters(codec="utf-8"), max_size=30)),
        min_size=1,
        max_size=5,
        unique_by=lambda row: row[0],
    ),
    st.data(),
)
@effort(40)
def test_a_csv_file_arrives_as_it_was_written(
    front: Front, tmp_path_factory: Any, rows: list[tuple[str, str, str, str]], data: st.DataObject
) -> None:
    """I9: quotes, commas, line breaks, a byte order mark and either line end.

    Each cell is stored or its row rejected.
    """
    prefix = f"c{next(_prefixes)}-"
    text = io.StringIO(newline="")
    # Without quotes around all cells Python's writer leaves a lone \r bare in a file whose lines
    # end in  .
    dialects: list[dict[str, Any]] = [
        {"quoting": csv.QUOTE_MINIMAL, "lineterminator": "\r\n"},
        {"quoting": csv.QUOTE_ALL, "lineterminator": "\r\n"},
        {"quoting": csv.QUOTE_ALL, "lineterminator": "\n"},
    ]
    writer = csv.writer(text, **data.draw(st.sampled_from(dialects)))
    writer.writerow(["accountId", "modelId", "channelId", "config.note"])
    writer.writerows((prefix + name, *rest) for name, *rest in rows)
    path = _folder(tmp_path_factory) / "accounts.csv"
    path.write_bytes(text.getvalue().encode(data.draw(st.sampled_from(["utf-8", "utf-8-sig"]))))
    got = read(path)
    if isinstance(got, Failure):
        assert any("\0" in cell for row in rows for cell in row), got.lines()
        return
    if got:
        answer = post(front, json.dumps({"accounts": got}).encode())
        assert answer.status_code == 200, answer.text
        assert answer.json()["rejected"] == 0
    after = accounts(front)
    sent = {row["accountId"] for row in got}
    for name, *cells in rows:
        model, channel, note = (cell.strip(BLANKS) for cell in cells)
        if prefix + name in sent:
            kept = after[prefix + name]
            assert (kept["model_id"] or "", kept["channel_id"] or "") == (model, channel)
            assert kept["config"] == ({"note": note} if note else {})
        else:
            # NUL, an invisible character, a quotation mark at an end.
            assert not (model + channel + note).isalnum()
            assert prefix + name not in after


def _folder(factory: Any) -> Path:
    return Path(factory.getbasetemp())
