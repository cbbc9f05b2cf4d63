"""Path parameters. An id of an impossible form is not found, without a query."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from flamebot.domain.errors import NotFound
from flamebot.domain.service_call import Service
from flamebot.http.request import Request

# An id that no import accepts. Checking here saves a query, and keeps odd bytes out of logs.
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}")
_TYPE = re.compile(r"[a-z0-9_]{1,64}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")  # fits into an integer of Postgres
_SERVICES = tuple(service.value for service in Service)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def schema(path: str, name: str) -> dict[str, Any]:
    """Return the JSON Schema of a parameter in a path's template."""
    if name == "version":
        return {"type": "integer", "format": "int32", "minimum": 1, "maximum": 10**9 - 1}
    if name == "type":
        return {"type": "string", "pattern": f"^{_TYPE.pattern}$"}
    if path.startswith("/v1/services/"):
        return {"type": "string", "pattern": f"^({'|'.join(_SERVICES)})$"}
    if path.startswith(("/v1/workflows/", "/v1/imports/")):
        return {"type": "string", "format": "uuid", "pattern": f"^{_UUID.pattern}$"}
    return {"type": "string", "pattern": f"^{_ACCOUNT.pattern}$"}


def service_name(request: Request) -> str:
    """Return the service's name in the path. Raises `NotFound`."""
    name: str = request.path["name"]
    if name not in _SERVICES:
        raise NotFound(f"There is no such service. There are {' and '.join(_SERVICES)}.")
    return name


def account_id(request: Request) -> str:
    """Return the account's id in the path. Raises `NotFound`."""
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
    return int(_checked(_VERSION, request.path["version"], "There is no such version."))


def _checked(form: re.Pattern[str], text: str, missing: str) -> str:
    if not form.fullmatch(text):
        raise NotFound(missing)
    return text
