"""`add_prompt` and `add_bio`: texts of the definition, or generated ones."""

from __future__ import annotations

import pytest

from flamebot.actions.add_bio import BIO
from flamebot.actions.add_prompt import PROMPT
from flamebot.domain.action import TextBrief
from flamebot.domain.ids import AccountId
from flamebot.domain.instance import AccountData
from flamebot.domain.task import EffectRequest
from flamebot.domain.task_random import TaskRandom
from tests.unit.actions.builders import effect, issues_of

ACCOUNT = AccountData(account_id=AccountId("a"), model_id="m", channel_id="c")
RANDOM = TaskRandom("seed")


def test_a_prompt_is_requested_in_the_accounts_voice() -> None:
    """The brief has the account's model and channel and the service's limit."""
    brief = TextBrief(kind=PROMPT, model_id="m", channel_id="c", seed="s")
    assert effect("add_prompt").text_brief(ACCOUNT, "s") == brief
    assert brief.max_length == 300


def test_a_bio_is_requested_in_the_accounts_voice() -> None:
    """The brief of a biography has a higher limit than that of a prompt."""
    brief = TextBrief(kind=BIO, model_id="m", channel_id="c", seed="s")
    assert effect("add_bio").text_brief(ACCOUNT, "s") == brief
    assert brief.max_length == 500


@pytest.mark.parametrize(
    ("action", "field", "path"), [("add_prompt", "text", "prompt"), ("add_bio", "bio", "bio")]
)
def test_the_definitions_own_text_beats_a_written_one(action: str, field: str, path: str) -> None:
    """It needs no writer. In both cases the request holds the text, and the result keeps it."""
    own, written = effect(action, **{field: "My own."}), effect(action)
    assert own.text_brief(ACCOUNT, "s") is None
    request = EffectRequest(
        method="PUT", path=f"/accounts/{{accountId}}/{path}", body={"text": "My own."}
    )
    assert own.request(ACCOUNT, None, RANDOM) == request
    assert written.request(ACCOUNT, "My own.", RANDOM) == request
    assert written.result(request, {"anything": 1}) == {"text": "My own."}


@pytest.mark.parametrize(
    ("action", "field", "longest"), [("add_prompt", "text", 300), ("add_bio", "bio", 500)]
)
def test_the_definitions_own_text_is_held_to_the_rules(
    action: str, field: str, longest: int
) -> None:
    """Length, links, phone numbers and handles: the rules of generated texts apply."""
    assert issues_of(action, **{field: "x" * longest}) == []
    for text in (
        "",
        " ",
        "x" * (longest + 1),
        "see www.example.org",
        "call 555 123 4567",
        "@me",
        5,
    ):
        assert [issue.pointer for issue in issues_of(action, **{field: text})] == [f"/{field}"], (
            text
        )
