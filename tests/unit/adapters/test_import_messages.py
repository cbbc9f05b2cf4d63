"""The messages of the import queue name imports, and never choose an object."""

from __future__ import annotations

import json

import pytest

from flamebot.adapters.s3.events import import_ids
from flamebot.domain.import_message import encode

ID = "018f3a5e-0000-4000-8000-000000000001"


def s3(*keys: str) -> str:
    """Return an event of a bucket."""
    return json.dumps(
        {
            "Records": [
                {"s3": {"bucket": {"name": "another-bucket"}, "object": {"key": key}}}
                for key in keys
            ]
        }
    )


def test_a_wake_up_message_is_decoded() -> None:
    """The id that was encoded is returned."""
    assert import_ids(encode(ID)) == [ID]


def test_only_the_id_of_an_event_is_used() -> None:
    """Keys are percent-encoded; a key with another prefix or without an id names no import."""
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


def test_the_test_event_of_a_bucket_names_no_import() -> None:
    """S3 sends it when the notification is configured."""
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
def test_any_other_body_is_unreadable(body: str) -> None:
    """The queue moves it to the dead letters."""
    assert import_ids(body) is None
