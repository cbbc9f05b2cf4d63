"""`add_bio`: put a biography on the account, the definition's own or a generated one."""

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

BIO = TextKind(
    name="bio",
    instructions=(
        "Write one profile bio of two or three sentences: warm, specific and honest in tone."
    ),
    max_length=500,  # the actions service's limit
    templates=TextTemplates(
        openings=(
            "Early riser, slow coffee drinker and collector of small adventures.",
            "Half bookshop, half hiking trail, always up for a detour.",
            "Curious by nature and calm by practice.",
            "Happiest with flour on my hands or sand in my shoes.",
            "I say yes to most plans that involve good food and good company.",
            "Part-time gardener, full-time optimist.",
            "Fond of long conversations, short queues and warm bread.",
            "I collect recipes, train tickets and good questions.",
        ),
        bodies=(
            "On weekends you will find me at a market, on a bike or lost in a crossword.",
            "Lately I have been learning to make pasta and to lose at chess with grace.",
            "I am slowly walking every street of this city, with frequent stops for cake.",
            "My playlists make no sense and my houseplants have names.",
            "I care about kindness, punctual trains and proper seasoning.",
            "I can tell you far too much about birds, bridges and old films.",
            "A perfect day has some sun, some music and nowhere to be.",
            "I am better at asking questions than at small talk.",
        ),
        closings=(
            "Tell me about the last thing that made you laugh.",
            "Looking for someone to share dessert with.",
            "Bring a story and I will bring the snacks.",
            "Let us start with a walk and see where it goes.",
            "Recommend me a book and I will read it.",
            "Ask me about my worst cooking disaster.",
        ),
    ),
)


class AddBioFields(StepFields):
    """The text of the biography, or none to have it generated."""

    bio: Annotated[str, OwnText(BIO)] | None = Field(
        default=None, description="Absent: written by the AI service"
    )


@effect_action("add_bio", AddBioFields)
class AddBio:
    """Updates the account's biography."""

    default_timeout = timedelta(minutes=10)
    endpoint = ActionEndpoint(
        operation="updateBio",
        method="PUT",
        path="/accounts/{accountId}/bio",
        body=text_body(BIO.max_length),
    )

    def __init__(self, config: AddBioFields) -> None:
        """Take the fields of the step."""
        self._bio = config.bio

    def text_brief(self, account: AccountData, seed: str) -> TextBrief | None:
        """Request a biography in the account's voice, unless the definition has one."""
        if self._bio is not None:
            return None
        return TextBrief(
            kind=BIO, model_id=account.model_id, channel_id=account.channel_id, seed=seed
        )

    def request(self, account: AccountData, text: str | None, random: TaskRandom) -> EffectRequest:
        """Return the update of the biography."""
        del account, random
        return self.endpoint.request({"text": text if self._bio is None else self._bio})

    def result(self, request: EffectRequest, job_result: Mapping[str, object]) -> dict[str, object]:
        """Keep the text that was sent."""
        del job_result
        return {"text": request.body["text"]}
