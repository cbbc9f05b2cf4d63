"""A chunk on its way into the database: its rows for COPY, the rest as JSON."""

from __future__ import annotations

from typing import Final

from flamebot.adapters.postgres.rows import start_row_json, to_json
from flamebot.ports.engine_store import Json
from flamebot.ports.import_store import Chunk, StagedRow

COPY: Final = (
    "copy import_staging (batch, import_id, row_number, flamebot_id, id_field, model_id,"
    " channel_id, config, version, ciphertext, start) from stdin"
)


def chunk_json(chunk: Chunk) -> Json:
    """Return a chunk's checkpoint, counts and rejected rows, as import_chunk reads them."""
    return {
        "from_byte": chunk.from_byte,
        "to_byte": chunk.to_byte,
        "line": chunk.line,
        "rows": chunk.rows,
        "staged": len(chunk.staged),
        "done": chunk.last,
        "observed": {
            name: {"count": seen.count, "line": seen.line} for name, seen in chunk.observed.items()
        },
        "rejects": [
            {
                "row_number": reject.row,
                "flamebot_id": reject.account_id,
                "id_field": reject.id_field,
                "code": reject.code,
                "errors": [
                    {"pointer": issue.pointer, "detail": issue.detail} for issue in reject.issues
                ],
            }
            for reject in chunk.rejects
        ],
    }


def copy_line(batch: str, import_id: str, row: StagedRow) -> str:
    """Return a row in the text format of COPY."""
    account = row.account
    cells = (
        batch,
        import_id,
        str(row.row),
        _escaped(account.account_id),
        row.id_field,
        _escaped(account.model_id),
        _escaped(account.channel_id),
        _escaped(to_json(account.config) if account.config is not None else None),
        str(account.version),
        f"\\\\x{account.ciphertext.hex()}" if account.ciphertext is not None else "\\N",
        _escaped(to_json(start_row_json(row.start)) if row.start is not None else None),
    )
    return "\t".join(cells) + "\n"


def _escaped(cell: str | None) -> str:
    if cell is None:
        return "\\N"  # null
    # Four replacements that rarely find anything are faster than str.translate, which looks up
    # every character.
    return cell.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
