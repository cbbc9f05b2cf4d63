"""Entity tags and conditional requests (RFC 9110, section 13)."""

from __future__ import annotations

import hashlib
import json
import re

from flamebot.http.request import Request
from flamebot.http.response import Response
from flamebot.ports.admin_store import ANY_VERSION, Precondition, follows

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_CACHE = {"Cache-Control": "private, no-cache"}  # clients may store it and must revalidate it


def version_tag(version: int) -> str:
    """Return the tag of a definition's version, a strong one: a version never changes."""
    return f'"{version}"'


def content_tag(body: object) -> str:
    """Return a tag that depends on the body alone, not on the order of its members."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def not_modified(request: Request, response: Response, tag: str) -> Response:
    """Return the response with its tag, or 304 if `If-None-Match` has it, by weak comparison."""
    headers = {**response.headers, **_CACHE, "ETag": tag}
    # RFC 9110, 13.1.2: If-None-Match compares weakly, so the prefix W/ is ignored.
    given = request.headers.get("if-none-match", "").strip()
    if given == "*" or tag.strip('"') in {opaque for _, opaque in _TAG.findall(given)}:
        return Response(status=304, headers=headers)
    return Response(status=response.status, body=response.body, headers=headers)


def matching_versions(header: str) -> Precondition:
    """Return the versions that `If-Match` names as a precondition.

    The comparison is strong: a weak tag names no version. A header without any version allows
    none, so that nothing is published under it.
    """
    if header.strip() == "*":
        return ANY_VERSION
    # RFC 9110, 13.1.1: If-Match compares strongly, so weak tags are left out.
    tags = {opaque for weak, opaque in _TAG.findall(header) if not weak}
    return follows(*(int(tag) for tag in tags if _VERSION.fullmatch(tag)))
