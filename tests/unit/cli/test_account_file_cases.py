"""Account files as people have them, from `tests/field_cases`: both ways do the right thing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.account_files import Outcome, by_command_line, by_worker

FILES = Path(__file__).resolve().parents[2] / "field_cases"
SAVE_AS = 'Save it as "CSV UTF-8".'


def stored(name: str, **fields: Any) -> dict[str, Any]:
    """Return the account of a row with model m and channel c."""
    return {"flamebotId": name, "modelId": "m", "channelId": "c", **fields}


SPACED = {"modelId": "model-a", "channelId": "channel-1"}
# Each row as the line and the stored account, or the line and the place and reason of its issue.
CASES: dict[str, list[tuple[int, Any]] | str] = {
    "csv_01_bom_crlf_quoted_newline": [
        (2, stored("bom-1", config={"note": 'two\r\nlines, "quoted"'})),
        (4, stored("bom-2", config={"note": "plain"})),
    ],
    "csv_02_semicolon": [(2, stored("semi-1"))],
    "csv_03_sep_line": [(3, stored("sep-1"))],
    "csv_04_trailing_commas": [(2, stored("trail-1")), (3, stored("trail-2"))],
    "csv_05_trailing_commas_rows_only": [(2, stored("trailrow-1")), (3, stored("trailrow-2"))],
    "csv_06_spaces_after_commas": [
        (line, stored(name, **SPACED, credentials={"token": token}, config={"city": "Ulm"}))
        for line, name, token in [(2, "space-1", "tok-1"), (3, "space-2", "tok-2")]
    ],
    "csv_07_space_quote_comma": [
        (2, stored("spaceq-1", **SPACED, config={"city": "Ulm, Donau"})),
    ],
    "csv_11_windows1252": [(2, ("/config/city", "Has bytes that are not UTF-8."))],
    "csv_12_utf16": f'It is in UTF-16 ("Unicode text"), not in UTF-8. {SAVE_AS}',
    "csv_13_duplicate_header": "Its first line names a column twice: columns 2 and 4.",
    "csv_14_blank_last_line": [(2, stored("blank-1"))],
    "csv_15_header_with_space": [(2, stored("hdr-1"))],
    "csv_16_wide_row_small": [
        (2, stored("wide-1")),
        (3, ("", "Has 4 cells under 3 columns.")),
        (4, stored("wide-3")),
    ],
}


def test_every_account_file_has_its_right_outcome_here() -> None:
    """No file of the folder is left out."""
    assert sorted(CASES) == sorted(path.stem for path in FILES.glob("csv_*"))


@pytest.mark.parametrize("name", CASES)
def test_an_account_file_of_the_field_is_read_alike_by_both_ways(tmp_path: Path, name: str) -> None:
    """Its rows are stored, or rejected alone; or the whole file is refused by its cause."""
    path = Path(shutil.copy(FILES / f"{name}.csv", tmp_path))
    found = by_command_line(path)
    assert found == by_worker(path.read_bytes(), "csv", piece=7, chunk_rows=1)
    right = CASES[name]
    if isinstance(right, str):
        assert (found.rows, found.failure) == ([], right)
        return
    assert found.failure is None
    assert [shown(row) for row in found.rows] == right


def shown(row: Outcome) -> tuple[int, Any]:
    """Return a row as the table above has it."""
    if not row.issues:
        return row.line, row.value
    ((pointer, detail),) = row.issues
    return row.line, (pointer, detail[: detail.index(".") + 1])
