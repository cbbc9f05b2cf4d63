"""JSON pointers (RFC 6901): the position of an issue in a document."""

from __future__ import annotations

LONGEST = 200  # characters; the name of a member may be as long as the document


def pointer(*path: str | int) -> str:
    """Return the pointer of a path. The pointer of the whole document is empty."""
    text = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    # A name may hold half of a surrogate pair, which no response can be encoded with.
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
