"""Rules for texts on an account: length, plain characters, and no way to contact it elsewhere.

docs/adr/0021 says what is refused, what is accepted by mistake and what is refused by mistake.
"""

from __future__ import annotations

from flamebot.domain.disguise import invisible, lookalike, plain, unspaced
from flamebot.domain.handle_rules import find_handle
from flamebot.domain.link_rules import find_link
from flamebot.domain.phone_rules import find_phone
from flamebot.domain.service_names import find_service
from flamebot.domain.text_issue import Finding, TextIssue, TextIssueKind

_MOST_READ = 4_000  # characters; a longer text is refused for its length anyway


def issues_in(text: str, max_length: int) -> list[TextIssue]:
    """Return everything that is wrong with a text, at most one issue of each kind.

    Args:
        text: The text.
        max_length: The most characters (code points, as the actions service counts them).
    """
    found: dict[TextIssueKind, Finding | None] = {}
    if not text.strip():
        found[TextIssueKind.EMPTY] = Finding("The text is empty", "")
    if len(text) > max_length:
        cause = f"The text has {len(text)} characters; at most {max_length} are allowed"
        found[TextIssueKind.TOO_LONG] = Finding(cause, "")
    text = text[:_MOST_READ]
    found[TextIssueKind.INVISIBLE] = invisible(text)
    found[TextIssueKind.LOOKALIKE] = lookalike(text)
    read = plain(text)
    joined = unspaced(read)
    found[TextIssueKind.LINK] = find_link(read) or _elsewhere(find_link(joined))
    found[TextIssueKind.PHONE] = find_phone(read)
    found[TextIssueKind.HANDLE] = (
        find_handle(read) or find_service(read) or _elsewhere(find_handle(joined))
    )
    return [TextIssue(kind, finding) for kind, finding in found.items() if finding]


def _elsewhere(finding: Finding | None) -> Finding | None:
    """Return a finding of another reading, whose place in the text is not known."""
    return finding and Finding(finding.cause, finding.excerpt)
