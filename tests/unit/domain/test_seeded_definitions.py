"""The three shipped definitions do what their descriptions say, to the last step."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import yaml

from flamebot.actions.registry import REGISTRY
from flamebot.domain.definition import Definition
from flamebot.domain.document import read_definition
from flamebot.domain.instance import InstanceStatus
from flamebot.domain.task import Phase
from tests.unit.domain.builders import NOON, POLICY, Journey

FOLDER = Path(__file__).resolve().parents[3] / "definitions"


def seeded(name: str) -> Definition:
    """Return a definition as its file has it."""
    definition, issues = read_definition(
        yaml.safe_load((FOLDER / f"{name}.yaml").read_text()), REGISTRY, POLICY
    )
    assert definition is not None, issues
    assert definition.type == name
    return definition


def began(journey: Journey, action: str) -> list[timedelta]:
    """Return when the steps of an action began, counted from the start."""
    return [entry.started_at - NOON for entry in journey.history if entry.action == action]


def requested(journey: Journey) -> list[int]:
    """Return the requested number of swipes of each job."""
    return [
        int(str((entry.result or {})["requested"]))
        for entry in journey.history
        if entry.action == "swipe_with_spectre"
    ]


def test_default_swipes_ten_times_and_rests() -> None:
    """A prompt after 2 hours, ten rounds of swipes 30 to 60 minutes apart, 13 hours of rest."""
    journey = Journey(seeded("default"))
    assert [step.action for step in journey.definition.steps] == [
        "wait",
        "add_prompt",
        "wait",
        "swipe_with_spectre",
        "goto",
        "wait",
    ]
    journey.finish()
    assert journey.instance.status is InstanceStatus.COMPLETED
    assert began(journey, "add_prompt") == [timedelta(hours=2)]
    swipes = [entry for entry in journey.history if entry.action == "swipe_with_spectre"]
    assert len(swipes) == 10
    assert began(journey, "swipe_with_spectre")[0] == timedelta(hours=2, minutes=1, seconds=2)
    gaps = [after.started_at - before.finished_at for before, after in pairwise(swipes)]
    assert all(timedelta(minutes=30) <= gap <= timedelta(minutes=60) for gap in gaps)
    assert len(set(gaps)) == 9
    assert journey.now - swipes[-1].finished_at == timedelta(hours=13)


def test_test_runs_through_in_minutes() -> None:
    """A prompt after 30 seconds, 5 swipes, a biography 2 minutes later."""
    journey = Journey(seeded("test"))
    journey.finish()
    assert [entry.action for entry in journey.history] == [
        "wait",
        "add_prompt",
        "swipe_with_spectre",
        "add_bio",
    ]
    assert began(journey, "add_prompt") == [timedelta(seconds=30)]
    assert requested(journey) == [5]
    swipe, bio = journey.history[2:]
    assert bio.started_at - swipe.finished_at == timedelta(minutes=2)
    assert journey.instance.status is InstanceStatus.COMPLETED


def test_aggressive_continues_without_end() -> None:
    """After prompt, 15 swipes and biography, 25 to 35 swipes every 30 to 60 minutes."""
    journey = Journey(seeded("aggressive"))
    for _ in range(100):
        journey.succeed()
    assert journey.instance.status is InstanceStatus.ACTIVE
    assert journey.waiting.phase in (Phase.SUBMIT, Phase.POLL)
    assert began(journey, "add_prompt") == [timedelta(minutes=5)]
    first, bio = journey.history[2:4]
    assert bio.started_at - first.finished_at == timedelta(hours=1)
    assert requested(journey)[0] == 15
    counts = requested(journey)[1:]
    assert len(counts) > 40
    assert all(25 <= count <= 35 for count in counts)
    swipes = [entry for entry in journey.history if entry.step_id == "continuous_swipe"]
    gaps = [after.started_at - before.finished_at for before, after in pairwise(swipes)]
    assert all(timedelta(minutes=30) <= gap <= timedelta(minutes=60) for gap in gaps)
