"""Addresses and clients for tests of adapters."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Any, cast

import boto3
from botocore.config import Config


def free_port() -> int:
    """Return a port on which nothing listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def client(service: str, endpoint: str) -> Any:
    """Return a boto3 client with production's timeouts."""
    config = Config(
        connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"}
    )
    make = cast("Any", boto3.client)  # boto3's stubs want the service's name as a literal
    return make(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )
