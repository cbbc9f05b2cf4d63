"""Texts that a definition contains instead of having them generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from flamebot.domain.text_kind import TextKind
from flamebot.domain.text_rules import issues_in


@dataclass(frozen=True, slots=True)
class OwnText:
    """A field of a text of this kind: `Annotated[str, OwnText(BIO)]`.

    The rules of generated texts apply: the platform does not know where a text comes from. A
    published definition is not checked again, since the rules may be newer.
    """

    kind: TextKind

    def __get_pydantic_core_schema__(  # pydantic's protocol
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Add the check to the schema of `str`."""
        return core_schema.with_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(  # pydantic's protocol
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Add the limits, which is all that JSON Schema can say."""
        return {**handler(schema), "minLength": 1, "maxLength": self.kind.max_length}

    def _checked(self, text: str, info: ValidationInfo) -> str:
        published = info.context is not None and info.context["published"]
        if not published and (issues := issues_in(text, self.kind.max_length)):
            raise ValueError(" ".join(map(str, issues)))
        return text
