"""The demo's output, and its comparison of what happened with the definitions."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg2
import psycopg2.extras

# A step is as late as its first task; polls and later phases follow from that one.
_STEPS = """
    select h.instance_id::text as id, h.sequence, h.step_id, h.action, h.status, h.attempt,
           h.started_at, h.finished_at, h.result, h.error,
           t.scheduled_for as due, t.started_at as begun
      from step_history h
      left join lateral (
        select t.scheduled_for, t.started_at from scheduled_tasks t
         where t.workflow_instance_id = h.instance_id and t.step_id = h.step_id
           and h.action <> 'goto'
           and t.phase in ('timer', 'generate', 'submit') and t.started_at <= h.finished_at
         order by (t.phase = 'submit' and h.action <> 'swipe_with_spectre'), t.sequence desc
         limit 1) t on true
     where h.instance_id = any(%s::uuid[])
     order by h.finished_at, h.instance_id, h.sequence
"""
# How a workflow of each seeded definition ends, and how often it completes each action.
_EXPECTED: dict[str, tuple[str, dict[str, int]]] = {
    "test": ("completed", {"add_prompt": 1, "swipe_with_spectre": 1, "add_bio": 1}),
    "default": ("completed", {"add_prompt": 1, "swipe_with_spectre": 10}),
    "aggressive": ("stopped", {"add_prompt": 1, "add_bio": 1}),
}
_BOLD, _DIM, _RED, _GREEN, _PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[0m"


@dataclass
class Report:
    """Collects steps and ends, and prints them as they happen."""

    database_url: str
    speed: float
    workflows: list[dict[str, Any]]
    faults: list[str] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)
    lateness: list[float] = field(default_factory=list)  # wall-clock seconds
    steps: list[dict[str, Any]] = field(default_factory=list)
    _printed: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Connect to the database, read-only."""
        self._database = psycopg2.connect(self.database_url)
        self._database.set_session(readonly=True, autocommit=True)
        self._accounts = {workflow["id"]: workflow for workflow in self.workflows}
        self._began: datetime | None = None
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colour else text

    def header(self) -> None:
        """Print what was imported and the columns of the steps."""
        types = sorted({workflow["type"] for workflow in self.workflows})
        print(
            f"Imported {len(self.workflows)} accounts with the definitions {', '.join(types)}."
            " Steps as they happen, lateness in wall-clock seconds:\n"
        )
        print(
            self._paint(
                f"{'schedule time':>12}  {'account':<18} {'workflow':<11} {'step':<18} "
                f"{'outcome':<10} {'late':>7}  result",
                _BOLD,
            )
        )

    def print_new_steps(self) -> None:
        """Print the steps that are new in the history."""
        for step in self._read_steps():
            key = (step["id"], step["sequence"])
            if key in self._printed:
                continue
            self._printed.add(key)
            self.steps.append(step)
            self._print(step)

    def _read_steps(self) -> list[dict[str, Any]]:
        with self._database.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(_STEPS, (list(self._accounts),))
            return [dict(row) for row in cursor.fetchall()]

    def _print(self, step: dict[str, Any]) -> None:
        workflow = self._accounts[step["id"]]
        late = ""
        if step["due"] is not None and step["begun"] is not None:
            seconds = (step["begun"] - step["due"]).total_seconds() / self.speed
            self.lateness.append(seconds)
            late = f"{seconds:.2f} s"
            if seconds < 0:
                early = f"{-seconds:.3f} s before it was due"
                self.fault(f"{workflow['account']}: {step['step_id']} began {early}")
        self._began = self._began or step["started_at"]
        line = (
            f"{_clock(step['finished_at'] - self._began):>12}  "
            f"{workflow['account']:<18} {workflow['type']:<11} "
            f"{step['step_id']:<18} {step['status']:<10} {late:>7}  {_result(step)}"
        )
        print(self._paint(line, _DIM) if step["action"] in ("wait", "goto") else line, flush=True)

    def say(self, text: str) -> None:
        """Print a line between the steps."""
        print(self._paint(f"{'':>12}  {text}", _BOLD), flush=True)

    def ended(self, workflow: dict[str, Any], state: dict[str, Any]) -> None:
        """Record how a workflow ended."""
        self.ends[workflow["id"]] = state["status"]
        self.print_new_steps()
        self.say(
            f"{workflow['account']}: {state['status']}"
            + (f" ({state['lastError']})" if state["lastError"] else "")
        )

    def fault(self, text: str) -> None:
        """Record and print something that contradicts a definition."""
        self.faults.append(text)
        print(self._paint(f"{'':>12}  {text}", _RED), flush=True)

    def verify(self, http: httpx.Client) -> None:
        """Compare what happened with the definitions."""
        for workflow in self.workflows:
            end, effects = _EXPECTED[workflow["type"]]
            mine = [step for step in self.steps if step["id"] == workflow["id"]]
            if self.ends.get(workflow["id"]) != end:
                actual = self.ends.get(workflow["id"], "still running")
                self.fault(f"{workflow['account']} is {actual}, expected {end}")
            for action, times in effects.items():
                done = sum(
                    step["action"] == action and step["status"] == "completed" for step in mine
                )
                if done != times:
                    self.fault(
                        f"{workflow['account']}: {action} completed {done} times, expected {times}"
                    )
            for step in mine:
                if step["action"] == "swipe_with_spectre" and step["status"] == "completed":
                    self._verify_swipe(http, workflow, step)
            if any(step["status"] in ("failed", "retried") for step in mine):
                self.fault(f"{workflow['account']}: a step failed although no fault was injected")

    def _verify_swipe(
        self, http: httpx.Client, workflow: dict[str, Any], step: dict[str, Any]
    ) -> None:
        definition = http.get(f"/v1/definitions/{workflow['type']}").raise_for_status().json()
        declared = next(one for one in definition["steps"] if one["id"] == step["step_id"])
        count = declared.get(
            "swipeCount", {"min": declared.get("minSwipes"), "max": declared.get("maxSwipes")}
        )
        low, high = (count["min"], count["max"]) if isinstance(count, dict) else (count, count)
        requested = (step["result"] or {}).get("requested", -1)
        if not low <= requested <= high:
            count = f"{requested} swipes, expected {low} to {high}"
            self.fault(f"{workflow['account']}: {step['step_id']} requested {count}")

    def summary(self, seconds: float) -> int:
        """Print the summary and return 0 if nothing contradicts a definition."""
        late = sorted(self.lateness) or [0.0]
        ends = (
            ", ".join(
                f"{list(self.ends.values()).count(end)} {end}"
                for end in sorted(set(self.ends.values()))
            )
            or "none ended"
        )
        print(
            f"\n{len(self.workflows)} workflows ({ends}), {len(self.steps)} steps"
            f" in {seconds:.0f} s; lateness in wall-clock seconds: ",
            end="",
        )
        print(
            f"median {late[len(late) // 2]:.2f}, worst {late[-1]:.2f}, none early."
            if late[0] >= 0
            else f"some early, by {-late[0]:.3f}."
        )
        if self.faults:
            print(self._paint(f"{len(self.faults)} contradictions to the definitions:", _RED))
            print("\n".join(f"  - {fault}" for fault in self.faults))
            return 1
        print(self._paint("Every workflow did what its definition says.", _GREEN))
        return 0


def _clock(passed: timedelta) -> str:
    total = int(passed.total_seconds())
    return f"+{total // 3600:02d}:{total // 60 % 60:02d}:{total % 60:02d}"


def _result(step: dict[str, Any]) -> str:
    if step["error"]:
        return str(step["error"])
    result = step["result"] or {}
    if "requested" in result:
        swipes = f"{result.get('performed')} of {result['requested']} swipes"
        return f"{swipes}, {result.get('matches')} matches"
    text = str(result.get("text", ""))
    return (f'"{text[:44]}..."' if len(text) > 44 else f'"{text}"') if text else ""
