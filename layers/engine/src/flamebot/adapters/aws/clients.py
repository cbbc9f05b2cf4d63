"""Clients of AWS's services, each made when it is first used.

From botocore alone: boto3 adds resources and transfers that nothing here uses, and a tenth of a cold start.
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
    "s3": {
        "addressing_style": "virtual"
    },  # the region's own address, in those that are handed out too
    "request_checksum_calculation": "when_required",  # none in a presigned address: whoever sends the file would have to know it
    "response_checksum_validation": "when_required",
}
_LOGIN_SECONDS: Final = 900  # RDS takes no token that is older


class Clients:
    """One session's clients. Safe to share between threads."""

    def __init__(self, region: str) -> None:
        """Nothing is made or asked yet."""
        self._region = region
        self._session = botocore.session.Session()
        self._session.register_component("data_loader", _KnownServices())
        self.lock = threading.Lock()  # a session makes one client at a time

    def client(self, service: str, patience: float = 5) -> Any:  # noqa: ANN401  # clients are made at run time and have no static type
        """A client with timeouts (seconds) that fit inside an invocation and no retries of its own beyond one."""
        return _Later(self, service, patience)

    def make(self, service: str, patience: float) -> Any:  # noqa: ANN401
        """The same, at once. Not for two threads at a time."""
        own = S3 if service == "s3" else {}
        config = Config(
            connect_timeout=2,
            read_timeout=patience,
            retries={"total_max_attempts": 2, "mode": "standard"},
            **own,
        )
        return self._session.create_client(service, region_name=self._region, config=config)

    def login(self, *, host: str, port: int, user: str) -> str:
        """A token to log in to a database of RDS with, signed here: the client that has a method for it takes 20 ms to be made."""
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
    """botocore's data, without a look through the folders of four hundred services for the few that are there anyway."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Those that the engine uses."""
        del type_name
        return _SERVICES


class _Later:
    """Becomes a client when something of it is asked for: an invocation pays only for the services that it calls."""

    def __init__(self, clients: Clients, service: str, patience: float) -> None:
        self._clients = clients
        self._of = (service, patience)
        self._client: Any = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # a client's method
        if self._client is None:
            with self._clients.lock:
                if self._client is None:
                    self._client = self._clients.make(*self._of)
        return getattr(self._client, name)
