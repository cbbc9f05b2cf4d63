"""Entity tags: what a client has seen, and whether it is still so (RFC 9110, section 13)."""

from __future__ import annotations

import hashlib
import json
import re

from flamebot.http.answer import Answer
from flamebot.http.request import Request

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_CACHE = {"Cache-Control": "private, no-cache"}  # may be kept, must be asked for again


def version_tag(version: int) -> str:
    """The tag of a definition's version; versions never change, so it is a strong one."""
    return f'"{version}"'


def content_tag(body: object) -> str:
    """A tag made of what is answered."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def unless_seen(request: Request, answer: Answer, tag: str) -> Answer:
    """The answer with its tag, or 304 if `If-None-Match` names it. Weak comparison."""
    headers = {**answer.headers, **_CACHE, "ETag": tag}
    given = request.headers.get("if-none-match", "").strip()
    if given == "*" or tag.strip('"') in {opaque for _, opaque in _TAG.findall(given)}:
        return Answer(status=304, headers=headers)
    return Answer(status=answer.status, body=answer.body, headers=headers)


def names(header: str, tag: str) -> bool:
    """Whether `If-Match` names the tag. Strong comparison: a weak tag never matches."""
    if header.strip() == "*":
        return True
    return tag.strip('"') in {opaque for weak, opaque in _TAG.findall(header) if not weak}
