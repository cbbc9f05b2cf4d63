"""Strategies: any JSON, valid definitions of every kind, and spoiled documents."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(
        [
            "",
            " ",
            "0",
            "-1",
            "P1D",
            "9" * 40,
            "\x00",
            "\ud800",
            "../..",
            "%00",
            "null",
            "\u202e",
            "a" * 5000,
        ]
    )
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)

LENGTHS = st.sampled_from(
    [
        0,
        1,
        1500,
        "90s",
        "15m",
        "2h",
        "1d",
        "PT15M",
        "P1DT2H",
        "PT0.5S",
        "P2W",
        "9" * 30 + "d",
        2**70,
    ]
)
POSITIVE = st.sampled_from([1, 1500, "90s", "2h", "PT15M", "P1D", 2**63])
DELAYS = LENGTHS | st.sampled_from(
    [{"min": 0, "max": "1h"}, {"min": "30m", "max": "60m"}, {"min": "1s", "max": "9" * 30 + "d"}]
)
TEXTS = st.sampled_from(
    [
        "A walk and a book.",
        "\u4eca\u65e5\u306f\u3002",
        "Half bookshop, half hiking trail.",
        "\U0001f469\u200d\U0001f373 cooks",
    ]
)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=200
).filter(str.strip)
SHARED = {
    "delay": DELAYS,
    "description": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=2000),
    "critical": st.booleans(),
    "timeout": POSITIVE,
    "maxAttempts": st.integers(1, 100),
}
COUNT = st.integers(1, 300)
RANGE = st.tuples(COUNT, COUNT).map(sorted)


@st.composite
def _step(draw: st.DrawFn, step_id: str, targets: list[str]) -> dict[str, Any]:
    kind = draw(st.sampled_from(["wait", "swipe", "prompt", "bio", "goto"]))
    fields: dict[str, Any] = {
        name: draw(values) for name, values in SHARED.items() if draw(st.booleans())
    }
    match kind:
        case "goto" if targets:
            limit = (
                {"maxIterations": draw(st.integers(1, 10**9))}
                if draw(st.booleans())
                else {"infiniteAllowed": True}
            )
            fields |= {
                "action": "goto",
                "nextStep": draw(st.sampled_from(targets)),
                "delay": draw(POSITIVE),
                **limit,
            }
            if draw(st.booleans()):
                fields["onLimit"] = draw(st.sampled_from(["continue", "fail"]))
        case "swipe":
            low, high = draw(RANGE)
            counts: list[dict[str, Any]] = [
                {"swipeCount": low},
                {"swipeCount": {"min": low, "max": high}},
                {"minSwipes": low, "maxSwipes": high},
            ]
            spectre = draw(st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=3))
            fields |= {
                "action": "swipe_with_spectre",
                **draw(st.sampled_from(counts)),
                "spectre": spectre,
            }
        case "prompt":
            voices: list[dict[str, Any]] = [{}, {"model": "m"}, {"channel": "c"}]
            fields |= {"action": "add_prompt", **draw(st.sampled_from(voices))}
            if draw(st.booleans()):
                fields["text"] = draw(TEXTS)
        case "bio":
            fields |= {"action": "add_bio", **({"bio": draw(TEXTS)} if draw(st.booleans()) else {})}
        case _:
            fields |= {"action": "wait"}
    return {"id": step_id, **fields}


@st.composite
def definitions(draw: st.DrawFn, type_: str = "fuzzed") -> dict[str, Any]:
    """Definitions most of which are valid.

    A jump may make a step unreachable, and jumps alone may loop.
    """
    ids = [f"s{place}" for place in range(draw(st.integers(1, 8)))]
    steps: list[dict[str, Any]] = []
    for step_id in ids:
        reachable = [step["id"] for step in steps if step["action"] != "goto"]
        steps.append(draw(_step(step_id, reachable)))
    config = {
        name: draw(values)
        for name, values in {
            "maxRetries": st.integers(0, 99),
            "retryBackoffMs": LENGTHS,
            "maxRetryDelayMs": LENGTHS,
        }.items()
    }
    document: dict[str, Any] = {"type": type_, "name": draw(NAMES), "steps": steps}
    if draw(st.booleans()):
        document["config"] = {name: value for name, value in config.items() if draw(st.booleans())}
    if draw(st.booleans()):
        document["description"] = draw(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=100)
        )
    return document


@st.composite
def spoiled(draw: st.DrawFn, good: st.SearchStrategy[Any]) -> Any:
    """A valid document with one to three parts replaced, removed, added or doubled."""
    document = copy.deepcopy(draw(good))
    for _ in range(draw(st.integers(1, 3))):
        holder = draw(st.sampled_from(_holders(document)))
        if isinstance(holder, dict):
            known = sorted(holder)
            what = draw(st.sampled_from(["add", "replace", "remove"])) if known else "add"
            if what == "add":
                holder[
                    draw(
                        st.text(max_size=8)
                        | st.sampled_from(["__proto__", "id", "version", "next_step", "quietHours"])
                    )
                ] = draw(JSON)
            elif what == "replace":
                holder[draw(st.sampled_from(known))] = draw(JSON)
            else:
                del holder[draw(st.sampled_from(known))]
        elif holder and draw(st.booleans()):
            holder.append(copy.deepcopy(draw(st.sampled_from(holder))))
        else:
            holder.append(draw(JSON))
    return document


def _holders(document: Any) -> list[Any]:
    found, rest = [], [document]
    while rest:
        value = rest.pop()
        if isinstance(value, dict | list):
            found.append(value)
            rest.extend(value.values() if isinstance(value, dict) else value)
    return found
