"""What stands in a path. An id of an impossible form names nothing: 404, before any table is asked."""

from __future__ import annotations

import re
from uuid import UUID

from flamebot.domain.errors import NotFound
from flamebot.http.request import Request

_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}")
_TYPE = re.compile(r"[a-z0-9_]{1,64}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FORMS = {"type": _TYPE, "n": _VERSION}


def form(path: str, name: str) -> str:
    """The pattern that a parameter of a path's template has."""
    pattern = _FORMS.get(name) or (
        _UUID if path.startswith(("/v1/workflows/", "/v1/imports/")) else _ACCOUNT
    )
    return f"^{pattern.pattern}$"


def account_id(request: Request) -> str:
    """A flamebotId. Raises `NotFound`."""
    return _fitting(_ACCOUNT, request.path["id"], "There is no such account.")


def instance_id(request: Request) -> str:
    """A workflow's id, a UUID. Raises `NotFound`."""
    return str(UUID(_fitting(_UUID, request.path["id"], "There is no such workflow.")))


def import_id(request: Request) -> str:
    """An import's id, a UUID. Raises `NotFound`."""
    return str(UUID(_fitting(_UUID, request.path["id"], "There is no such import.")))


def workflow_type(request: Request) -> str:
    """A definition's type. Raises `NotFound`."""
    return _fitting(_TYPE, request.path["type"], "There is no such definition.")


def version(request: Request) -> int:
    """A definition's version. Raises `NotFound`."""
    return int(_fitting(_VERSION, request.path["n"], "There is no such version."))


def _fitting(form: re.Pattern[str], text: str, otherwise: str) -> str:
    if not form.fullmatch(text):
        raise NotFound(otherwise)
    return text
