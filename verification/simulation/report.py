"""The result of a run of many seeds, and whether the run counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from verification.simulation.faults import KINDS

ENOUGH_SEEDS = 300  # a run of at least this many seeds must have seen every fault and rare state
STATES: tuple[str, ...] = (
    "a stale commit was refused",
    "in doubt: it was done, and reported again",
    "in doubt: it was not done, and done now",
    "a late statement changed something",
    "a late statement changed nothing",
    "crash loop exhausted",
    "undeliverable, given up",
    "a late or duplicate delivery did nothing",
    "a begun task's message came again",
    "sent again with the same fence",
    *(f"reclaimed: {phase}" for phase in ("timer", "generate", "submit", "poll", "cancel")),
    "a lock was not to be had",
    "a key was looked up after its life",
    "a write of unknown outcome was looked up",
    "a cancel found the job by its key",
    "a cancel found no job by its key",
    "a new key after the old one's work failed",
    "paused with an effect in flight",
    "given back under the global pause",
    "stopping",
    "an import was repeated under its key",
    "an account was erased",
    "retention deleted a task",
    "an maintenance was cut off",
    "ended by the platform",
    "a write met what was left of an older one",
    "a call met a service that was down",
    "a breaker was open: actions_service",
)


@dataclass(slots=True)
class Failure:
    """A seed that violated a rule."""

    seed: int
    what: str
    trace: list[str]

    def __str__(self) -> str:
        """Describe the violation, how to replay it, and the last events before it."""
        return "\n".join(
            [
                *self.trace[-60:],
                f"seed {self.seed}: {self.what}",
                f"Replay: make simulate SEED={self.seed}",
            ]
        )


@dataclass(slots=True)
class Report:
    """The sum of the results of many seeds."""

    seeds: int = 0
    events: int = 0
    hours: float = 0.0
    seconds: float = 0.0
    longest_wait: float = 0.0
    modes: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)
    rare: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    digests: dict[int, str] = field(default_factory=dict)

    def add(self, result: dict[str, Any]) -> None:
        """Add the result of one seed."""
        self.seeds += 1
        self.events += result["events"]
        self.hours += result["hours"]
        self.longest_wait = max(self.longest_wait, result["longest_wait"])
        self.modes[result["mode"]] += 1
        self.fired.update(result["fired"])
        self.rare.update(result["rare"])
        self.odd.update(result["odd"])
        self.digests[result["seed"]] = result["digest"]
        if result["failure"]:
            self.failures.append(Failure(result["seed"], result["failure"], result["trace"]))

    def missing(self) -> list[str]:
        """Return the faults and states that a run of this length should have seen and has not."""
        if self.seeds < ENOUGH_SEEDS:
            return []
        return [f"fault {kind}" for kind in KINDS if not self.fired[kind]] + [
            f"state {state}" for state in STATES if not self.rare[state]
        ]

    def verdict(self) -> str:
        """Return FAILED, INVALID or PASSED."""
        if self.failures:
            return (
                f"FAILED: {len(self.failures)} of {self.seeds} seeds: "
                f"{sorted(failure.seed for failure in self.failures)[:20]}"
            )
        if missing := self.missing():
            return f"INVALID: never seen: {', '.join(missing)}"
        return "PASSED"

    def table(self) -> str:
        """Format the figures as a table."""
        lines = [
            f"seeds {self.seeds:,} ({dict(self.modes)})",
            f"events {self.events:,}, virtual hours {self.hours:,.0f}",
            f"{self.seconds:.0f} s, {self.seeds / max(self.seconds, 0.001):.2f} seeds/s",
            f"longest wait of what was due once faults had stopped: {self.longest_wait:.0f} s",
            "faults fired:",
            *_columns({kind: self.fired[kind] for kind in KINDS}),
            "states reached:",
            *_columns({state: self.rare[state] for state in sorted({*STATES, *self.rare})}),
        ]
        if self.odd:
            lines += [
                "what the engine itself called broken, all of it followed by a recovery:",
                *_columns(dict(sorted(self.odd.items()))),
            ]
        return "\n".join(lines)


def _columns(counts: dict[str, int]) -> list[str]:
    return [f"  {count:>9,}  {name}" for name, count in counts.items()]
