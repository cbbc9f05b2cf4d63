"""Custom resource: on deploy, brings the database to what `sql/` and `definitions/` say.

Running code does not depend on this function: until it has succeeded, the deploy has not changed
the other functions.
"""

from __future__ import annotations

from typing import Any

from flamebot import bootstrap
from flamebot.adapters.cloudformation.custom_resource import serve


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Migrate and send the result to CloudFormation. A delete changes nothing."""
    telemetry = bootstrap.telemetry("migrate")
    with telemetry.invocation(context):
        answer = serve(event, bootstrap.migrate_database)
        telemetry.info(
            "migration_answered",
            request_type=event.get("RequestType"),
            outcome=answer["Status"],
            reason=answer["Reason"],
        )
        return answer
