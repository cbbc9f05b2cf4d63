"""Custom resource: on deploy, brings the database to what `sql/` and `definitions/` say.

Nothing that runs needs this function: until it answers, the deploy has not touched the others.
"""

from __future__ import annotations

from typing import Any

from flamebot import bootstrap
from flamebot.adapters.cloudformation.custom_resource import serve


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Migrate and answer CloudFormation; a delete changes nothing."""
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
