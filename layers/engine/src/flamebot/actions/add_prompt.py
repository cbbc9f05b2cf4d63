"""`add_prompt`: put a prompt on the account, the definition's own or a generated one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from flamebot.actions.kind import effect_action
from flamebot.actions.step_fields import StepFields
from flamebot.actions.text import OwnText
from flamebot.domain.action import TextBrief
from flamebot.domain.endpoint import ActionEndpoint, text_body
from flamebot.domain.instance import AccountData
from flamebot.domain.task import EffectRequest
from flamebot.domain.task_random import TaskRandom
from flamebot.domain.text_kind import TextKind, TextTemplates

PROMPT = TextKind(
    name="prompt",
    instructions=(
        "Write one short profile prompt: a light question or remark that invites a friendly reply."
    ),
    max_length=300,  # the actions service's limit
    templates=TextTemplates(
        openings=(
            "Two truths and a wish",
            "A small debate to settle",
            "The best part of my week",
            "My ideal slow Sunday",
            "Something I could talk about for hours",
            "The quickest way to my good side",
            "A hill I will happily stand on",
            "My favourite kind of evening",
            "A question I ask everyone",
            "An unusual skill I am proud of",
        ),
        bodies=(
            "fresh bread, a long walk and no plans after it",
            "whether a hot dog is a sandwich, with evidence",
            "finding a quiet bench with a very good view",
            "cooking something ambitious and laughing when it fails",
            "old maps, new music and the stories behind both",
            "learning one good joke in every language",
            "a museum in the morning and noodles at night",
            "board games that end friendships and start new ones",
            "the smell of rain on a warm street",
            "guessing the plot of a film from its first minute",
            "keeping a tomato plant alive against all odds",
            "taking the scenic way even when it is raining",
        ),
        closings=(
            "What is yours?",
            "Tell me where you stand.",
            "Your turn.",
            "Convince me otherwise.",
            "I want to hear your version.",
            "Agree or disagree?",
        ),
        first="{opening}: {body}.",
    ),
)


class AddPromptFields(StepFields):
    """The text of the prompt, or the model and channel in whose voice it is generated."""

    model: str | None = Field(
        default=None, min_length=1, max_length=200, description="Instead of the account's modelId"
    )
    channel: str | None = Field(
        default=None, min_length=1, max_length=200, description="Instead of the account's channelId"
    )
    text: Annotated[str, OwnText(PROMPT)] | None = Field(
        default=None, description="Absent: written by the AI service"
    )


@effect_action("add_prompt", AddPromptFields)
class AddPrompt:
    """Updates the account's prompt."""

    default_timeout = timedelta(minutes=10)
    endpoint = ActionEndpoint(
        operation="updatePrompt",
        method="PUT",
        path="/accounts/{accountId}/prompt",
        body=text_body(PROMPT.max_length),
    )

    def __init__(self, config: AddPromptFields) -> None:
        """Take the fields of the step."""
        self._config = config

    def text_brief(self, account: AccountData, seed: str) -> TextBrief | None:
        """Request a prompt in the account's voice, unless the definition has one."""
        if self._config.text is not None:
            return None
        return TextBrief(
            kind=PROMPT,
            model_id=self._config.model or account.model_id,
            channel_id=self._config.channel or account.channel_id,
            seed=seed,
        )

    def request(self, account: AccountData, text: str | None, random: TaskRandom) -> EffectRequest:
        """Return the update of the prompt."""
        del account, random
        own = self._config.text
        return self.endpoint.request({"text": text if own is None else own})

    def result(self, request: EffectRequest, job_result: Mapping[str, object]) -> dict[str, object]:
        """Keep the text that was sent."""
        del job_result
        return {"text": request.body["text"]}
