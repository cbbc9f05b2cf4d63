"""The accounts and definitions of a seed, generated from the seed."""

from __future__ import annotations

from random import Random
from typing import Any

Json = dict[str, Any]
CANARY = "canary-7f3a"  # part of every planted credential; must never appear in clear text


def credentials(rng: Random, account: str) -> Json:
    """Return credentials that a search finds."""
    return {"password": f"{CANARY}-{account}-{rng.randrange(10**9)}"}


def account_row(rng: Random, account: str) -> Json:
    """Return a row of an import."""
    row: Json = {
        "accountId": account,
        "modelId": f"model-{rng.randint(1, 3)}",
        "channelId": "channel-1",
    }
    if rng.random() < 0.85:
        row["credentials"] = credentials(rng, account)
    if rng.random() < 0.5:
        row["config"] = {"tone": rng.choice(["calm", "bright"])}
    return row


def bad_row(rng: Random) -> Json:
    """Return a row that every import rejects."""
    return rng.choice(
        [
            {"accountId": "not an id!"},
            {
                "accountId": "rejected-1",
                "modelId": 7,
                "credentials": {"password": f"{CANARY}-rejected"},
            },
            {"accountId": "rejected-2", "nonsense": True},
        ]
    )


def definition(rng: Random, name: str) -> Json:
    """Return a small workflow that ends, or jumps back a few times, or loops for ever."""
    places = range(rng.randint(1, 4))
    steps = [
        _effect(rng, f"step{place}") if rng.random() < 0.75 else _wait(rng, f"wait{place}")
        for place in places
    ]
    if not any(step["action"] != "wait" for step in steps):
        steps.append(_effect(rng, "last"))
    shape = rng.random()
    if shape < 0.3:
        steps.append(
            {
                "id": "again",
                "action": "goto",
                "nextStep": steps[0]["id"],
                "maxIterations": rng.randint(1, 2),
                "delay": "2s",
            }
        )
        if rng.random() < 0.3:
            steps[-1]["onLimit"] = "fail"
        if rng.random() < 0.5:
            steps.append(_effect(rng, "end"))
    elif shape < 0.4:
        steps.append(
            {
                "id": "for_ever",
                "action": "goto",
                "nextStep": steps[0]["id"],
                "infiniteAllowed": True,
                "delay": f"{rng.randint(20, 90)}s",
            }
        )
    config = {
        "maxRetries": rng.randint(0, 3),
        "retryBackoffMs": rng.choice([2000, 10_000, 30_000]),
        "maxRetryDelayMs": 60_000,
    }
    return {"type": name, "name": name, "description": "", "config": config, "steps": steps}


def _wait(rng: Random, step_id: str) -> Json:
    return {"id": step_id, "action": "wait", "delay": f"{rng.choice([1, 5, 40, 150])}s"}


def _effect(rng: Random, step_id: str) -> Json:
    step: Json = {"id": step_id}
    match rng.choice(["swipe", "swipe", "prompt", "bio", "text"]):
        case "swipe":
            step |= {
                "action": "swipe_with_spectre",
                "swipeCount": {"min": 1, "max": rng.choice([4, 60, 300])},
            }
        case "prompt":
            step |= {"action": "add_prompt", "text": "hello there"}
        case "bio":
            step |= {"action": "add_bio", "bio": "a short life"}
        case _:
            step |= {"action": rng.choice(["add_bio", "add_prompt"])}
    if rng.random() < 0.5:
        step["delay"] = f"{rng.choice([1, 3, 20, 130])}s"
    if rng.random() < 0.4:
        step["critical"] = False
    if rng.random() < 0.6:
        step["timeout"] = f"{rng.choice([20, 60, 300, 900])}s"
    if rng.random() < 0.3:
        step["maxAttempts"] = rng.randint(1, 5)
    return step
