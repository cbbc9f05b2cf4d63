"""Clients of AWS services, each created at its first use.

They are botocore's: boto3 adds resources and transfers, which the engine does not use, and a tenth
of a cold start.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import botocore.session
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import NoCredentialsError
from botocore.loaders import Loader

_SERVICES: Final = ["dynamodb", "kms", "s3", "secretsmanager", "sqs"]
S3: Final[dict[str, Any]] = {
    "signature_version": "s3v4",
    "s3": {"addressing_style": "virtual"},  # the region's own address, in presigned URLs too
    # A presigned URL would contain the checksum, which the sender of the file cannot know.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}
_LOGIN_SECONDS: Final = 900  # RDS accepts no older token


class Clients:
    """The clients of one session. Safe to share between threads."""

    def __init__(self, region: str) -> None:
        """Set up a session, without a client or a request."""
        self._region = region
        self._session = botocore.session.Session()
        self._session.register_component("data_loader", _KnownServices())
        self.lock = threading.Lock()  # a session is not safe for creating two clients at once

    def client(self, service: str, read_timeout: float = 5) -> Any:  # noqa: ANN401  # clients have no static type
        """Return a client, which is created when it is first used.

        Args:
            service: The name of the service, as botocore has it.
            read_timeout: Seconds; with one retry at most, so that a call fits into an invocation.
        """
        return _LazyClient(self, service, read_timeout)

    def make(self, service: str, read_timeout: float) -> Any:  # noqa: ANN401
        """Create a client at once. Callers hold `lock`."""
        own = S3 if service == "s3" else {}
        config = Config(
            connect_timeout=2,
            read_timeout=read_timeout,
            retries={"total_max_attempts": 2, "mode": "standard"},
            **own,
        )
        return self._session.create_client(service, region_name=self._region, config=config)

    def login(self, *, host: str, port: int, user: str) -> str:
        """Return a token for logging in to a database of RDS."""
        # Signed here: the RDS client, which has a method for it, takes 20 ms to create.
        request = AWSRequest(
            method="GET",
            url=f"https://{host}:{port}/",
            params={"Action": "connect", "DBUser": user},
        )
        with self.lock:
            credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        SigV4QueryAuth(
            credentials.get_frozen_credentials(), "rds-db", self._region, expires=_LOGIN_SECONDS
        ).add_auth(request)
        return str(request.url).removeprefix("https://")


class _KnownServices(Loader):
    """botocore's data of the engine's services; a search lists 400 folders of others."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the services that the engine uses."""
        del type_name
        return _SERVICES


class _LazyClient:
    """Creates its client at the first access: an invocation pays for the services it calls."""

    def __init__(self, clients: Clients, service: str, read_timeout: float) -> None:
        self._clients = clients
        self._arguments = (service, read_timeout)
        self._client: Any = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # clients have no static type
        if self._client is None:
            with self._clients.lock:
                if self._client is None:
                    self._client = self._clients.make(*self._arguments)
        return getattr(self._client, name)
