"""Any response of the actions service is read, or raises one of the port's errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flamebot.adapters.actions_api import responses
from flamebot.adapters.actions_api.client import ActionsApi
from flamebot.adapters.actions_api.statuses import error_for
from flamebot.adapters.postgres.rows import to_json
from flamebot.domain.errors import OutcomeUnknown, ResponseUnreadable, ServiceError
from flamebot.domain.retry_after import retry_after
from flamebot.domain.storable import unstorable
from flamebot.domain.task import EffectRequest
from flamebot.ports.actions_service import Job
from tests.contracts.misbehaving import misbehaving, raw
from verification.fuzz.documents import JSON, spoiled
from verification.fuzz.effort import effort

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WRITE = EffectRequest(method="PUT", path="/accounts/{accountId}/bio", body={"text": "A walk"})
JOBS = st.fixed_dictionaries(
    {
        "taskId": st.text(max_size=10),
        "status": st.sampled_from(["pending", "running", "succeeded", "failed", "cancelled"]),
    },
    optional={
        "result": st.dictionaries(st.text(max_size=4), JSON, max_size=3) | st.none(),
        "error": st.text(max_size=900) | st.none(),
    },
)
DOCUMENTS = st.one_of(
    JOBS,
    spoiled(JOBS),
    st.fixed_dictionaries({"items": st.lists(JOBS, max_size=2) | JSON}),
    st.fixed_dictionaries({"id": JSON, "status": st.sampled_from(["active", "suspended"]) | JSON}),
    JSON,
)
DATES = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2200, 1, 1)).map(
    lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT")
)
RETRY_AFTER = st.one_of(
    st.text(max_size=30),
    st.integers(-(10**30), 10**30).map(str),
    st.floats().map(str),
    DATES,
    DATES.map(lambda text: text.replace("GMT", "-2500")),
    st.from_regex(
        r"[A-Za-z]{3}, \d{1,3} [A-Za-z]{3} \d{1,6} \d{1,3}:\d\d:\d\d ([+-]\d{1,6}|[A-Z]{1,4})",
        fullmatch=True,
    ),
)


def readers() -> list[Any]:
    """Return every function that reads a response."""
    return [responses.account_status, responses.job_id, responses.job, responses.jobs]


@given(RETRY_AFTER)
@effort(200)
def test_any_retry_after_is_a_wait_of_at_most_a_day_or_none(value: str) -> None:
    """A Retry-After of any number, date or text becomes a wait from zero to one day, or none."""
    wait = retry_after(value, NOW)
    assert wait is None or timedelta() <= wait <= DAY


@given(
    st.one_of(
        DOCUMENTS.map(lambda document: json.dumps(document).encode()), st.binary(max_size=80)
    ),
    st.data(),
)
@effort(200)
def test_any_body_is_read_or_leaves_the_outcome_unknown(body: bytes, data: st.DataObject) -> None:
    """What is read from a body can be stored and has the shape that the port promises."""
    if body and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(body) - 1))
        body = (
            body[:at]
            + data.draw(
                st.sampled_from([b"", b"\0", b"\xff", b"NaN", b'"', b"\\ud800", b"[" * 9999, body])
            )
            + body[at:]
        )
    try:
        document = responses.read_object(body)
    except OutcomeUnknown:
        return
    for read in readers():
        try:
            got = read(document)
        except OutcomeUnknown:
            continue
        if isinstance(got, Job):
            assert 0 < len(got.job_id) <= 200
            assert got.job_id.isprintable()
            assert got.error is None or len(got.error) <= 500
            kept = {"result": got.result, "error": got.error, "id": got.job_id}
            to_json(kept)
            assert [
                issue
                for issue in unstorable(kept)
                if "too large" not in issue.detail and "levels" not in issue.detail
            ] == []


@given(
    st.integers(0, 999),
    st.lists(
        st.tuples(
            st.sampled_from(["Retry-After", "Content-Type", "Content-Encoding", "Location", "X"]),
            st.binary(max_size=20),
        ),
        max_size=4,
    ),
    st.binary(max_size=60),
)
@effort(60)
def test_any_answer_on_the_wire_is_an_answer_or_a_typed_failure(
    status: int, headers: list[tuple[str, bytes]], body: bytes
) -> None:
    """Any status, header bytes and body over a socket give a job id or one of the port's errors."""
    lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)
    answer = b"HTTP/1.1 %03d Any\r\nContent-Length: %d\r\n%s\r\n%s" % (
        status,
        len(body),
        lines,
        body,
    )
    with misbehaving(raw(answer)) as server:
        api = ActionsApi(server.url, lambda: "t", timeout=timedelta(seconds=1), wall=lambda: NOW)
        try:
            found: object = api.submit("a", WRITE, key="i:1", fencing_token=1)
        except ServiceError as error:
            found = error
        finally:
            api.close()
    if isinstance(found, ServiceError):
        assert found.retry_after is None or timedelta() <= found.retry_after <= DAY
        # Bytes that are not HTTP have no status.
        wanted = error_for(status, None, None)
        assert isinstance(found, (type(wanted), OutcomeUnknown))
        assert 200 <= status < 300 or not isinstance(found, ResponseUnreadable)
    else:
        assert found
        assert 200 <= status < 300
