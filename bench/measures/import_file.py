"""A CSV file of accounts through the local stack: rows per second, and the worker's peak memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.database import CACHE
from bench.figures import Figure
from bench.imports_by_file import ROWS, figures
from bench.imports_by_file import measure as import_by_file
from bench.run import Run

_ROWS = 50_000


def measure(run: Run) -> list[Figure]:
    """Import a twentieth of the file. A long run and `make bench-import` import the whole file."""
    rows = ROWS if run.long else run.size(_ROWS)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        return figures(import_by_file(rows, kill=False, start=True, folder=Path(folder)))
