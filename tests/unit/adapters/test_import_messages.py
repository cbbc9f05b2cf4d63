"""The messages of the import queue name imports, and never choose a file."""

from __future__ import annotations

import json

import pytest

from flamebot.adapters.s3.events import import_ids
from flamebot.domain.import_message import encode

ID = "018f3a5e-0000-4000-8000-000000000001"


def s3(*keys: str) -> str:
    """An event of a bucket."""
    return json.dumps(
        {
            "Records": [
                {"s3": {"bucket": {"name": "somebody-elses"}, "object": {"key": key}}}
                for key in keys
            ]
        }
    )


def test_our_own_hint_comes_back() -> None:
    """What is encoded is decoded."""
    assert import_ids(encode(ID)) == [ID]


def test_of_an_event_only_the_id_counts() -> None:
    """Keys come percent-encoded; those below another prefix, or of no id, are nobody's."""
    assert import_ids(
        s3(
            f"imports/{ID}",
            f"imports%2F{ID.upper()}",
            "imports/x",
            f"other/{ID}",
            f"imports/../{ID}",
            f"imports/{ID}/x",
        )
    ) == [
        ID,
        ID,
    ]


def test_the_buckets_set_up_is_no_file() -> None:
    """S3 says once that it can reach the queue."""
    assert import_ids('{"Service": "Amazon S3", "Event": "s3:TestEvent"}') == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "[]",
        "null",
        "{}",
        '{"importId": 1}',
        '{"importId": "x"}',
        '{"Records": 1}',
        '{"Records": [{}]}',
        "[" * 99_999,
    ],
)
def test_what_nobody_sent_is_unreadable(body: str) -> None:
    """It goes to the dead letters, where somebody sees it."""
    assert import_ids(body) is None
