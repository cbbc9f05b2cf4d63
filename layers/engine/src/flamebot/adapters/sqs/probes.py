"""Probes of the queues, for the health check."""

from __future__ import annotations

from typing import Any

from flamebot.services.maintenance.probes import ProbeWarning

_MESSAGES = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def probe_queue(client: Any, url: str) -> None:  # noqa: ANN401  # boto3 clients have no static type
    """Return if the queue exists and is reachable, else raise."""
    client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])


def probe_dead_letters(client: Any, url: str) -> None:  # noqa: ANN401  # see above
    """Return if the dead-letter queue is empty; raise `ProbeWarning` if it is not."""
    messages = sum(
        int(count)
        for count in client.get_queue_attributes(QueueUrl=url, AttributeNames=list(_MESSAGES))[
            "Attributes"
        ].values()
    )
    if messages:
        raise ProbeWarning(
            f"{messages} messages failed in every delivery. Their tasks are safe; see the step"
            " function's log."
        )
