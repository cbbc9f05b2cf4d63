"""`swipe_with_spectre`: a job of swipes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamebot.domain.ids import AccountId
from flamebot.domain.instance import AccountData
from flamebot.domain.task import EffectRequest
from flamebot.domain.task_random import TaskRandom
from tests.unit.actions.builders import effect, issues_of

ACCOUNT = AccountData(account_id=AccountId("a"), model_id="m", channel_id="c")


def test_a_fixed_count_is_requested() -> None:
    """The request has the count and the provider's settings, unchanged."""
    request = effect("swipe_with_spectre", swipeCount=5, spectre={"mode": {"fast": True}}).request(
        ACCOUNT, None, TaskRandom("seed")
    )
    assert request == EffectRequest(
        method="POST",
        path="/accounts/{accountId}/swipe-tasks",
        body={"count": 5, "spectre": {"mode": {"fast": True}}},
    )


@given(st.integers(1, 300), st.integers(1, 300), st.text(max_size=9))
def test_a_draw_is_never_out_of_range(one: int, other: int, seed: str) -> None:
    """Both spellings of a range are equal, and the same random number gives the same count."""
    low, high = min(one, other), max(one, other)
    written: list[dict[str, object]] = [
        {"swipeCount": {"min": low, "max": high}},
        {"minSwipes": low, "maxSwipes": high},
    ]
    counts = [
        effect("swipe_with_spectre", **fields)
        .request(ACCOUNT, None, TaskRandom(seed))
        .body["count"]
        for fields in written
    ]
    assert counts[0] == counts[1]
    assert low <= int(str(counts[0])) <= high


@pytest.mark.parametrize(
    ("job_result", "performed", "matches"),
    [
        ({"performed": 24, "matches": 3}, 24, 3),
        ({}, None, None),
        ({"performed": "24", "matches": True}, None, None),
        ({"performed": -1, "matches": 10**30}, None, None),
        ({"performed": 5.0, "matches": 0.0}, 5, 0),
        ({"performed": 5.5, "matches": float("inf")}, None, None),
        ({"performed": 1e30, "matches": -1.0}, None, None),
    ],
)
def test_what_the_service_counted_is_recorded(
    job_result: dict[str, object], performed: int | None, matches: int | None
) -> None:
    """Only counts are kept; other values of the result are not."""
    swipe = effect("swipe_with_spectre", swipeCount=25)
    result = swipe.result(
        swipe.request(ACCOUNT, None, TaskRandom("seed")), {**job_result, "more": "x"}
    )
    assert result == {"requested": 25, "performed": performed, "matches": matches}


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({}, ["/swipeCount"]),
        ({"swipeCount": 0}, ["/swipeCount"]),
        ({"swipeCount": 301}, ["/swipeCount"]),
        ({"swipeCount": "5"}, ["/swipeCount"]),
        ({"swipeCount": {"min": 5}}, ["/swipeCount"]),
        ({"swipeCount": {"min": 5, "max": 4}}, ["/swipeCount"]),
        ({"swipeCount": {"min": 5, "max": 301}}, ["/swipeCount"]),
        ({"minSwipes": 5}, ["/maxSwipes"]),
        ({"maxSwipes": 5}, ["/minSwipes"]),
        ({"minSwipes": 5, "maxSwipes": 4}, ["/minSwipes"]),
        ({"minSwipes": 5, "maxSwipes": 301}, ["/maxSwipes"]),
        ({"swipeCount": 5, "minSwipes": 1, "maxSwipes": 2}, ["/minSwipes", "/maxSwipes"]),
        ({"swipeCount": 5, "spectre": []}, ["/spectre"]),
    ],
)
def test_a_bad_count_is_refused(fields: dict[str, object], pointers: list[str]) -> None:
    """A count is from 1 to 300 and given once."""
    assert [issue.pointer for issue in issues_of("swipe_with_spectre", **fields)] == pointers
