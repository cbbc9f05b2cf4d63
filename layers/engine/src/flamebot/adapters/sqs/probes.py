"""How the health check asks about the queues."""

from __future__ import annotations

from typing import Any

from flamebot.services.maintenance.health import Worrying

_LYING = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def probe_queue(client: Any, url: str) -> None:  # noqa: ANN401  # boto3 clients have no static type
    """The queue is there, or this raises."""
    client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])


def probe_dead_letters(client: Any, url: str) -> None:  # noqa: ANN401  # see above
    """The dead-letter queue is there and empty, or this raises; `Worrying` if messages lie in it."""
    lying = sum(
        int(count)
        for count in client.get_queue_attributes(QueueUrl=url, AttributeNames=list(_LYING))[
            "Attributes"
        ].values()
    )
    if lying:
        raise Worrying(
            f"{lying} messages that no step invocation took. Their tasks are safe; the step function's log says what went wrong."
        )
