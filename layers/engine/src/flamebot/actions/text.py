"""Texts that a definition brings along instead of having them written."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from flamebot.domain.text_rules import issues_in

PROMPT_LENGTH = 300  # characters; the actions service's limits
BIO_LENGTH = 500


def _judged(longest: int) -> AfterValidator:
    def judge(text: str, info: ValidationInfo) -> str:
        published = info.context is not None and info.context["published"]
        if not published and (issues := issues_in(text, longest)):
            raise ValueError(" ".join(issues))
        return text

    return AfterValidator(judge)


# Held to the rules of written texts: where a text comes from makes no difference to the platform.
PromptText = Annotated[
    str,
    _judged(PROMPT_LENGTH),
    Field(json_schema_extra={"minLength": 1, "maxLength": PROMPT_LENGTH}),
]
BioText = Annotated[
    str, _judged(BIO_LENGTH), Field(json_schema_extra={"minLength": 1, "maxLength": BIO_LENGTH})
]
