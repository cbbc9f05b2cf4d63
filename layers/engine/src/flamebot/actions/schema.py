"""The JSON Schema of definitions, generated from the models that read them."""

from __future__ import annotations

from typing import Any

from flamebot.actions.registry import REGISTRY
from flamebot.actions.step_fields import DURATION_SCHEMA
from flamebot.domain.document import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    MOST_RETRIES,
    MOST_STEPS,
    TYPE_PATTERN,
)


def definition_schema() -> dict[str, Any]:
    """Return the schema, Draft 2020-12.

    A definition that it accepts may still be refused: JSON Schema has no rules for loops and for
    the contents of texts.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Workflow definition",
        "type": "object",
        "additionalProperties": False,
        "required": ["type", "name", "steps"],
        "properties": {
            "type": {"type": "string", "pattern": TYPE_PATTERN},
            "name": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "pattern": "\\S"},
            "description": {"type": "string", "maxLength": LONGEST_DESCRIPTION},
            "config": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "maxRetries": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": MOST_RETRIES,
                        "description": "Attempts after the first one",
                    },
                    "retryBackoffMs": DURATION_SCHEMA,
                    "maxRetryDelayMs": DURATION_SCHEMA,
                },
            },
            "steps": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_STEPS,
                "items": {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in REGISTRY]},
            },
        },
        "$defs": {name: _step_schema(name) for name in REGISTRY},
    }


def _step_schema(name: str) -> dict[str, Any]:
    schema = REGISTRY[name].fields.model_json_schema(by_alias=True)
    # `oneOf` needs a member that tells the actions apart; the model itself accepts any action.
    schema["title"] = name
    schema["properties"]["action"] = {"const": name}
    return schema
