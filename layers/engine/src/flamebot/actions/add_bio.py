"""`add_bio`: put a biography on the account, one of the definition's own or a written one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field

from flamebot.actions.kind import effect_action
from flamebot.actions.step_fields import StepFields
from flamebot.actions.text import BIO_LENGTH, BioText
from flamebot.domain.action import TextBrief
from flamebot.domain.instance import AccountData
from flamebot.domain.task import EffectRequest
from flamebot.domain.task_random import TaskRandom


class AddBioFields(StepFields):
    """A biography's text, or none to have it written."""

    bio: BioText | None = Field(default=None, description="Absent: written by the AI service")


@effect_action("add_bio", AddBioFields)
class AddBio:
    """Has a text written unless the definition has one, and updates the account's biography."""

    default_timeout = timedelta(minutes=10)

    def __init__(self, config: AddBioFields) -> None:
        """Take the text, if there is one."""
        self._bio = config.bio

    def text_brief(self, account: AccountData, seed: str) -> TextBrief | None:
        """Ask for a biography in the account's voice."""
        if self._bio is not None:
            return None
        return TextBrief(
            kind="bio",
            model_id=account.model_id,
            channel_id=account.channel_id,
            max_length=BIO_LENGTH,
            seed=seed,
        )

    def request(self, account: AccountData, text: str | None, draw: TaskRandom) -> EffectRequest:
        """Update the biography."""
        del account, draw
        return EffectRequest(
            method="PUT",
            path="/accounts/{accountId}/bio",
            body={"text": text if self._bio is None else self._bio},
        )

    def result(self, request: EffectRequest, job_result: Mapping[str, object]) -> dict[str, object]:
        """Remember the text."""
        del job_result
        return {"text": request.body["text"]}
