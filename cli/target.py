"""Which API to talk to, and with which token."""

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
_HOW = "Start the local stack with `flamebot dev`, or set FLAMEBOT_API_URL and FLAMEBOT_TOKEN, or name a profile with --profile."


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where commands go. `source` says who named it, for messages; `speed` is that of the local stack's schedule clock."""

    api_url: str
    token: str
    source: str
    speed: float = 1.0


def find(args: argparse.Namespace, env: Mapping[str, str] = os.environ) -> Target:
    """What is said beats what is found: options, a named profile, the environment, the local stack, the default profile.

    Raises `Failure` when nothing names an API.
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
                "Every call needs a bearer token.",
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
            speed=float(stack.get("speed", 1)),
        )
    return _profile(None, env)


def stack_file() -> Path | None:
    """The running local stack's file, in this directory or one above it."""
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
        "It is not what `flamebot dev` writes.",
        "Start the local stack again: `flamebot dev`.",
    )


def _profile(name: str | None, env: Mapping[str, str]) -> Target:
    path = Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "flamebot" / "config.toml"
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if name is None:
            raise Failure(
                "No API is known",
                "There is no running local stack here, and nothing names another.",
                _HOW,
                Exit.USAGE,
            ) from None
        raise Failure(
            f"There is no profile {name}",
            f"{path} does not exist.",
            f"Write it:\n{_example(name)}",
            Exit.USAGE,
        ) from None
    except (OSError, ValueError) as error:
        raise Failure(f"{path} cannot be read", str(error), "Mend the file.", Exit.USAGE) from None
    name = name or str(config.get("default", "default"))
    profile = config.get("profiles", {}).get(name)
    if not isinstance(profile, dict) or not isinstance(profile.get("api_url"), str):
        raise Failure(
            f"There is no usable profile {name} in {path}",
            "It needs at least api_url.",
            f"Write it:\n{_example(name)}",
            Exit.USAGE,
        )
    token = env.get("FLAMEBOT_TOKEN") or profile.get("token") or _ask_for_token(profile, name)
    return Target(api_url=profile["api_url"], token=str(token), source=f"profile {name}")


def _ask_for_token(profile: Mapping[str, Any], name: str) -> str:
    """Tokens live for an hour or so: a profile may name the command that gets one."""
    command = profile.get("token_command")
    if not isinstance(command, str):
        raise Failure(
            f"Profile {name} has no token",
            "It names neither token nor token_command.",
            "Add one, or set FLAMEBOT_TOKEN.",
            Exit.AUTH,
        )
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, check=True, timeout=60
        )  # noqa: S603  # the user's own
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Failure(
            f"The token_command of profile {name} failed",
            type(error).__name__,
            f"Run it by hand: {command}",
            Exit.AUTH,
        ) from None
    return done.stdout.strip()


def _example(name: str) -> str:
    return f'[profiles.{name}]\napi_url = "https://api.example.com"\ntoken_command = "a command that prints a token"'
