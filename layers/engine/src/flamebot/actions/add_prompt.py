"""`add_prompt`: put a prompt on the account, one of the definition's own or a written one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field

from flamebot.actions.kind import effect_action
from flamebot.actions.step_fields import StepFields
from flamebot.actions.text import PROMPT_LENGTH, PromptText
from flamebot.domain.action import TextBrief
from flamebot.domain.instance import AccountData
from flamebot.domain.task import EffectRequest
from flamebot.domain.task_random import TaskRandom


class AddPromptFields(StepFields):
    """A prompt's text, or by whom and for which channel it is written."""

    model: str | None = Field(
        default=None, min_length=1, max_length=200, description="Instead of the account's modelId"
    )
    channel: str | None = Field(
        default=None, min_length=1, max_length=200, description="Instead of the account's channelId"
    )
    text: PromptText | None = Field(default=None, description="Absent: written by the AI service")


@effect_action("add_prompt", AddPromptFields)
class AddPrompt:
    """Has a text written unless the definition has one, and updates the account's prompt."""

    default_timeout = timedelta(minutes=10)

    def __init__(self, config: AddPromptFields) -> None:
        """Take what the definition says about the text."""
        self._config = config

    def text_brief(self, account: AccountData, seed: str) -> TextBrief | None:
        """Ask for a prompt in the account's voice."""
        if self._config.text is not None:
            return None
        return TextBrief(
            kind="prompt",
            model_id=self._config.model or account.model_id,
            channel_id=self._config.channel or account.channel_id,
            max_length=PROMPT_LENGTH,
            seed=seed,
        )

    def request(self, account: AccountData, text: str | None, draw: TaskRandom) -> EffectRequest:
        """Update the prompt."""
        del account, draw
        return EffectRequest(
            method="PUT",
            path="/accounts/{accountId}/prompt",
            body={"text": text if self._config.text is None else self._config.text},
        )

    def result(self, request: EffectRequest, job_result: Mapping[str, object]) -> dict[str, object]:
        """Remember the text."""
        del job_result
        return {"text": request.body["text"]}
