"""Clients of AWS: the signed login is that of AWS's own client, and clients are lazy."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from flamebot.adapters.aws.clients import Clients

HOST, PORT, USER = "database.abc.eu-west-1.rds.amazonaws.com", 5432, "flamebot_tick"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the credentials that Lambda gives to a function."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "a+session/token=",
    }.items():
        monkeypatch.setenv(name, value)


def _signed(token: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(f"https://{token}").query)


def test_a_login_is_the_one_that_the_client_of_rds_signs() -> None:
    """Both tokens are equal if they are signed within the same second."""
    rds: Any = boto3.client("rds", region_name="eu-west-1")
    clients = Clients("eu-west-1")
    for _ in range(5):
        theirs = rds.generate_db_auth_token(DBHostname=HOST, Port=PORT, DBUsername=USER)
        ours = clients.login(host=HOST, port=PORT, user=USER)
        if _signed(ours)["X-Amz-Date"] == _signed(theirs)["X-Amz-Date"]:
            break
    assert ours == theirs


def test_a_login_cannot_be_signed_without_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """The error names the missing credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(Exception, match="Unable to locate credentials"):
        Clients("eu-west-1").login(host=HOST, port=PORT, user=USER)


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("dynamodb", "update_item"),
        ("kms", "decrypt"),
        ("s3", "generate_presigned_url"),
        ("secretsmanager", "get_secret_value"),
        ("sqs", "send_message_batch"),
    ],
)
def test_each_service_is_known(service: str, operation: str) -> None:
    """The fixed list of services has every one that the engine calls."""
    client = Clients("eu-west-1").client(service, 7)
    assert callable(getattr(client, operation))
    config = client.meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (
        2,
        7,
        2,
    )


def test_a_client_is_created_once_and_at_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that use it first at the same moment share one client."""
    made: list[str] = []
    make = Clients.make

    def counted(self: Clients, service: str, read_timeout: float) -> Any:
        made.append(service)
        return make(self, service, read_timeout)

    monkeypatch.setattr(Clients, "make", counted)
    client = Clients("eu-west-1").client("sqs")
    assert made == []
    threads = [threading.Thread(target=lambda: client.send_message_batch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["sqs"]
