"""A rejected text: its issues are kept for the writer of the next one, its words are not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from flamebot.actions.registry import REGISTRY
from flamebot.domain.document import read_definition
from flamebot.domain.outcome import Done, Retry
from flamebot.domain.plan import plan_retry
from flamebot.domain.task import Phase
from flamebot.domain.task_random import TaskRandom
from flamebot.domain.text_issue import TextIssueKind
from flamebot.domain.text_rules import issues_in
from tests.unit.domain.builders import POLICY, Journey, a_document, a_prompt, at

FIELD_CASES = Path(__file__).resolve().parents[2] / "field_cases"

LINK = Retry(error="text_rejected: a link", text_issues=(TextIssueKind.LINK,))
PHONE = Retry(
    error="text_rejected: a phone number", text_issues=(TextIssueKind.PHONE, TextIssueKind.LINK)
)
UNREADABLE = Retry(error="writer: The AI service did not respond in time.")


def generating() -> Journey:
    """Return a workflow whose next task generates the text of a prompt."""
    return at("prompt/generate", a_prompt(maxAttempts=4))


def test_the_issues_of_rejected_texts_are_kept() -> None:
    """Each kind is kept once, in the order in which it was found, also past other errors."""
    journey = generating()
    for outcome in (LINK, UNREADABLE, PHONE):
        journey.run(outcome)
    assert journey.waiting.payload.text_issues == (TextIssueKind.LINK, TextIssueKind.PHONE)


def test_an_accepted_text_leaves_the_issues_behind() -> None:
    """The write of the text carries no issues of the texts before it."""
    journey = generating()
    journey.run(LINK)
    journey.run(Done(result={"text": "A walk and a good book.", "tokens": 9}))
    assert journey.waiting.phase is Phase.SUBMIT
    assert journey.waiting.payload.text_issues is None


def test_a_retry_by_an_operator_keeps_the_issues() -> None:
    """The writer knows what was wrong before, although the step has all its attempts again."""
    journey = generating()
    last = journey.waiting
    for _ in range(4):
        last = journey.waiting
        decision = journey.run(LINK)
    assert decision.task is not None
    assert decision.task.payload is not None
    assert decision.task.payload.text_issues == (TextIssueKind.LINK,)
    failed = replace(last, payload=decision.task.payload)
    again = plan_retry(
        journey.definition, journey.instance, failed, journey.now, TaskRandom("retry")
    ).next
    assert again is not None
    assert (again.phase, again.payload.text_issues) == (Phase.GENERATE, (TextIssueKind.LINK,))


def test_an_issue_names_cause_and_place() -> None:
    """The author of a text reads what was found and where; the stored error has no word of it."""
    (issue,) = issues_in("Read more at anna.example today", 300)
    assert str(issue) == (
        'The text has a link: "anna.example" at character 14 (a name with a dot inside; a blank'
        " follows the dot of a sentence)."
    )
    assert issue.without_text == (
        "The text has a link at character 14 (a name with a dot inside; a blank follows the dot of"
        " a sentence)."
    )


def test_no_stored_sentence_quotes_the_text() -> None:
    """Neither the sentences for errors nor the advice for the writer has a word of the text."""
    text = "zzqx.example, zzqx_99 and 5551234567 \U0001d433\u200b" + "zzqx" * 100
    issues = issues_in(text, 300)
    assert len(issues) == 6
    for issue in issues:
        assert "zzqx" not in issue.without_text + issue.kind.advice
        assert "555" not in issue.without_text + issue.kind.advice


def test_each_kind_of_issue_has_its_advice() -> None:
    """Every kind has one sentence of its own for the writer."""
    assert len({kind.advice for kind in TextIssueKind}) == len(TextIssueKind)


def test_plain_sentences_and_opening_hours_can_be_published() -> None:
    """A definition from the field: hours, grades, ranges, dates and a technology's name."""
    document = json.loads((FIELD_CASES / "def_15_harmless_texts.json").read_text())
    assert read_definition(document, REGISTRY, POLICY)[1] == []


def test_an_issue_of_a_definition_names_the_step_and_what_was_found() -> None:
    """The author of a definition reads the pointer of the field, the kind, the words and why."""
    document = a_document(a_prompt(), a_prompt("second", text="Write to anna_99 or 555 123 4567"))
    (issue,) = read_definition(document, REGISTRY, POLICY)[1]
    assert issue.pointer == "/steps/1/text"
    assert issue.detail == (
        'The text has a phone number: "555 123 4567" at character 21 (seven digits or more that are'
        " no time, date, price or other number). The text has a handle, an address or another"
        ' service\'s name: "anna_99" at character 10 (an underscore in a name).'
    )
