"""Path parameters. An id of an impossible form is not found, without a query."""

from __future__ import annotations

import re
from uuid import UUID

from flamebot.domain.errors import NotFound
from flamebot.http.request import Request

# An id that no import accepts. Checking here saves a query, and keeps odd bytes out of logs.
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}")
_TYPE = re.compile(r"[a-z0-9_]{1,64}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")  # fits into an integer of Postgres
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FORMS = {"type": _TYPE, "n": _VERSION}


def form(path: str, name: str) -> str:
    """Return the regular expression of a parameter in a path's template."""
    pattern = _FORMS.get(name) or (
        _UUID if path.startswith(("/v1/workflows/", "/v1/imports/")) else _ACCOUNT
    )
    return f"^{pattern.pattern}$"


def account_id(request: Request) -> str:
    """Return the flamebotId in the path. Raises `NotFound`."""
    return _checked(_ACCOUNT, request.path["id"], "There is no such account.")


def instance_id(request: Request) -> str:
    """Return the workflow's id in the path, a UUID. Raises `NotFound`."""
    return str(UUID(_checked(_UUID, request.path["id"], "There is no such workflow.")))


def import_id(request: Request) -> str:
    """Return the import's id in the path, a UUID. Raises `NotFound`."""
    return str(UUID(_checked(_UUID, request.path["id"], "There is no such import.")))


def workflow_type(request: Request) -> str:
    """Return the definition's type in the path. Raises `NotFound`."""
    return _checked(_TYPE, request.path["type"], "There is no such definition.")


def version(request: Request) -> int:
    """Return the definition's version in the path. Raises `NotFound`."""
    return int(_checked(_VERSION, request.path["n"], "There is no such version."))


def _checked(form: re.Pattern[str], text: str, missing: str) -> str:
    if not form.fullmatch(text):
        raise NotFound(missing)
    return text
