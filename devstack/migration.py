"""Bring the local database to what `sql/` and `definitions/` say.

It runs the code of the migrate function in a program of its own, because that code reads the
environment once per process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from devstack.child import ROOT


class MigrationFailed(RuntimeError):
    """The database could not be migrated; the message says why."""


def run_migration(variables: Mapping[str, str]) -> dict[str, Any]:
    """Run it in a child process with this environment and return its report.

    Raises `MigrationFailed`.
    """
    paths = [
        str(ROOT / "layers" / "engine" / "src"),
        *os.environ.get("PYTHONPATH", "").split(os.pathsep),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "devstack.migration"],
        cwd=ROOT,
        env={**variables, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise MigrationFailed(done.stderr.strip() or f"exit status {done.returncode}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def main() -> int:
    """Migrate; print the report, or why there is none."""
    import psycopg2

    from flamebot import bootstrap
    from flamebot.domain.errors import FlamebotError

    try:
        print(json.dumps(dict(bootstrap.migrate_database())))
    except FlamebotError as error:
        print(f"{error.code}: {error.detail}", file=sys.stderr)
        return 1
    except psycopg2.Error as error:
        print(f"The database cannot be brought up to date: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
