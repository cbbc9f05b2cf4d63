"""JSON pointers (RFC 6901): where in a document a issue is."""

from __future__ import annotations

LONGEST = 200  # a member's name may be as long as the document; nobody reads on


def pointer(*path: str | int) -> str:
    """Point to a place in a document; the whole document's pointer is empty."""
    text = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    text = text.encode(
        "utf-8", "replace"
    ).decode()  # half a surrogate pair in a name cannot be answered
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
