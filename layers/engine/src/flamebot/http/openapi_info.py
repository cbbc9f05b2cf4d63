"""What the OpenAPI document says about the API as a whole: limits, times, tokens, servers."""

from __future__ import annotations

from typing import Any

from flamebot.domain.document import LARGEST, MOST_STEPS
from flamebot.http.documents import MAX_DEPTH
from flamebot.http.endpoint import SCOPES, TAGS
from flamebot.http.request import MAX_BODY
from flamebot.services.imports.admin import LARGEST_FILE
from flamebot.services.imports.validate import LARGEST_ROW, MOST_ACCOUNTS

# Limits of API Gateway: the throttling that template.yaml sets, and the quota of its integrations.
REQUESTS_PER_SECOND, BURST, RESPONSE_SECONDS = 50, 100, 29
_MIB = 1024 * 1024

DESCRIPTION = f"""\
Import accounts, then watch and control their workflows.

**Times** are RFC 3339 in UTC. Each is in one of two clocks. Schedule time decides when steps are
due; wall time is used for all else. They differ only on a local stack whose schedule clock runs
faster: `clockRate` of `GET /v1/me` is its speed, and 1 everywhere else.

**Errors** are problem details (RFC 9457). `code` names the error, and each response lists the codes
that it may have; a later version may add codes. `errors` has a JSON pointer into the request for
each mistake. API Gateway itself answers 401, 413, 429, 500 and 503 with `{{"message": ...}}`.

**Limits.** {REQUESTS_PER_SECOND} requests per second in bursts of up to {BURST}, for all clients
together; more get 429 without `Retry-After`: wait a second, and longer each time. A response comes
within {RESPONSE_SECONDS} s. At most: a request body {MAX_BODY // _MIB} MiB and {MAX_DEPTH} levels;
an import by request {MOST_ACCOUNTS:,} accounts of {LARGEST_ROW // 1024} KiB each; an import by file
{LARGEST_FILE // (1024 * _MIB)} GiB; a definition {MOST_STEPS} steps and {LARGEST // 1024} KiB; a
page 200 items.

**Repeating.** GET, PUT, DELETE, pause, resume and stop are safe to repeat. Imports take an
`Idempotency-Key`. After a 5xx or a lost response, any other call may have taken effect: read the
workflow before repeating it. A 503 of the engine has `Retry-After`. A start that is repeated while
the first workflow is live gets 409 with its id in `liveWorkflowId`.

**Lists** are paged: pass `nextCursor` as `cursor` until it is null.
"""

TOKEN = f"""\
A JWT of the deployment's OIDC issuer. The stack's own Cognito pool gives one to a client for its
credentials, at the address in the output `TokenUrl`:
`curl -u "$CLIENT_ID:$CLIENT_SECRET" -d grant_type=client_credentials "$TOKEN_URL"`.
On a local stack `flamebot token` prints one.

Each operation needs one of the scopes {", ".join(f"`{scope}`" for scope in SCOPES)}. In the token a
scope has the prefix of the deployment, by default `flamebot/`: `flamebot/read`.
"""


def info() -> dict[str, Any]:
    """Return the document's `info`, with its limits in words."""
    return {
        "title": "Flamebot Workflow System",
        "version": "1",
        "description": DESCRIPTION,
        "license": {"name": "MIT", "identifier": "MIT"},
    }


def servers() -> list[dict[str, Any]]:
    """Return `servers`: the deployment's address is the stack's output `ApiUrl`."""
    # Templates: the document comes with the code, which knows no deployment's address.
    return [
        {
            "url": "https://{apiId}.execute-api.{region}.amazonaws.com",
            "description": "A deployment; its address is the stack's output ApiUrl.",
            "variables": {"apiId": {"default": "api-id"}, "region": {"default": "eu-west-1"}},
        },
        {
            "url": "http://127.0.0.1:{port}",
            "description": "A local stack: `flamebot dev`.",
            "variables": {"port": {"default": "8700"}},
        },
    ]


def tags() -> list[dict[str, str]]:
    """Return the document's `tags`, one for each group of paths."""
    return [{"name": name, "description": text} for name, text in TAGS.items()]


def security_schemes() -> dict[str, Any]:
    """Return the document's `securitySchemes`, with the way to get a token."""
    return {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": TOKEN}
    }
