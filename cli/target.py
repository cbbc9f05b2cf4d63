"""Which API a command uses, and with which token."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.failures import Exit, Failure

STACK_FILE = Path(".flamebot") / "stack.json"
_HOW = (
    "Start the local stack with `flamebot dev`, set FLAMEBOT_API_URL and FLAMEBOT_TOKEN,"
    " or name a profile with --profile."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The API that commands use.

    `source` says in messages where the address comes from. `speed` is the speed of the local
    stack's schedule clock. `logs` is the local stack's folder of logs, one file per function.
    """

    api_url: str
    token: str
    source: str
    speed: float | None = None
    logs: Path | None = None

    def log(self, function: str) -> Path | None:
        """Return the log of a function of the local stack, or None for another target."""
        return self.logs / f"{function}.log" if self.logs else None


def find(args: argparse.Namespace, env: Mapping[str, str] = os.environ) -> Target:
    """Find the target in this order.

    1. The option --api-url.
    2. A profile named by --profile or FLAMEBOT_PROFILE.
    3. FLAMEBOT_API_URL.
    4. The local stack of this directory or one above it.
    5. The default profile.

    Raises:
        Failure: Nothing names an API.
    """
    url, token = getattr(args, "api_url", None), env.get("FLAMEBOT_TOKEN")
    profile = getattr(args, "profile", None) or env.get("FLAMEBOT_PROFILE")
    if profile and not url:
        return _profile(profile, env)
    if url or env.get("FLAMEBOT_API_URL"):
        source = "--api-url" if url else "FLAMEBOT_API_URL"
        if not token:
            raise Failure(
                f"{source} is set without a token",
                "Every request needs a bearer token.",
                "Set FLAMEBOT_TOKEN as well.",
                Exit.AUTH,
            )
        return Target(api_url=url or env["FLAMEBOT_API_URL"], token=token, source=source)
    path = stack_file()
    if path is not None:
        stack = _read_stack(path)
        return Target(
            api_url=stack["apiUrl"],
            token=token or stack["token"],
            source=str(path),
            speed=float(stack["speed"]) if "speed" in stack else None,
            logs=path.parent / "logs",
        )
    return _profile(None, env)


def stack_file() -> Path | None:
    """Return the running local stack's file in this directory or one above it, if any."""
    here = Path.cwd()
    return next(
        (
            folder / STACK_FILE
            for folder in (here, *here.parents)
            if (folder / STACK_FILE).is_file()
        ),
        None,
    )


def _read_stack(path: Path) -> dict[str, Any]:
    try:
        stack = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(stack, dict) and {"apiUrl", "token"} <= stack.keys():
            return stack
    except (OSError, ValueError):
        pass
    raise Failure(
        f"{path} cannot be read",
        "`flamebot dev` did not write it in this form.",
        "Start the local stack again: `flamebot dev`.",
    )


def _profile(name: str | None, env: Mapping[str, str]) -> Target:
    path = Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "flamebot" / "config.toml"
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if name is None:
            raise Failure(
                "No API is configured",
                "No local stack is running here, and no profile exists.",
                _HOW,
                Exit.USAGE,
            ) from None
        raise Failure(
            f"Profile {name} does not exist",
            f"{path} does not exist.",
            f"Create it:\n{_example(name)}",
            Exit.USAGE,
        ) from None
    except (OSError, ValueError) as error:
        raise Failure(
            f"{path} cannot be read", str(error), "Correct the file.", Exit.USAGE
        ) from None
    name = name or str(config.get("default", "default"))
    profile = config.get("profiles", {}).get(name)
    if not isinstance(profile, dict) or not isinstance(profile.get("api_url"), str):
        raise Failure(
            f"Profile {name} in {path} cannot be used",
            "It has no api_url.",
            f"Create it:\n{_example(name)}",
            Exit.USAGE,
        )
    token = env.get("FLAMEBOT_TOKEN") or profile.get("token") or _profile_token(profile, name)
    return Target(api_url=profile["api_url"], token=str(token), source=f"profile {name}")


def _profile_token(profile: Mapping[str, Any], name: str) -> str:
    """Run the profile's token_command, because most tokens expire within an hour."""
    command = profile.get("token_command")
    if not isinstance(command, str):
        raise Failure(
            f"Profile {name} has no token",
            "It has neither token nor token_command.",
            "Add one of them, or set FLAMEBOT_TOKEN.",
            Exit.AUTH,
        )
    try:
        arguments = shlex.split(command)
        done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603  # the user's own
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Failure(
            f"The token_command of profile {name} failed",
            _reason(error),
            f"Run it in a shell: {command}",
            Exit.AUTH,
        ) from None
    return done.stdout.strip()


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"It ended with exit status {error.returncode}."
    if isinstance(error, subprocess.TimeoutExpired):
        return "It did not end within 60 s."
    return "It cannot be started."


def _example(name: str) -> str:
    return (
        f'[profiles.{name}]\napi_url = "https://api.example.com"\n'
        'token_command = "a command that prints a token"'
    )
