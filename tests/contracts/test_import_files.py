"""The contract of the port `ImportFiles`, kept by S3."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest
from botocore.config import Config

from flamebot.adapters.aws.clients import S3
from flamebot.adapters.s3.events import import_ids
from flamebot.adapters.s3.files import S3ImportFiles
from flamebot.domain.errors import FilesUnavailable
from flamebot.ports.import_files import Upload
from tests.contracts.endpoints import free_port
from tests.contracts.misbehaving import answer, misbehaving, raw, silent

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUCKET = "imports-of-the-contract"
CLIENTS = [
    "urllib",
    *(
        client
        for client in ("curl --data-binary", "curl -T", "wget")
        if shutil.which(client.split()[0])  # what is installed; the types are tested for all
    ),
]


def s3(endpoint: str) -> Any:
    """Return a client as the functions have it."""
    config = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}, **S3)
    make: Any = boto3.client
    return make(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )


@pytest.fixture(scope="module")
def bucket(aws: Callable[[str], Any], aws_endpoint: str) -> str:
    """Return the queue of a bucket that sends its events there."""
    queue = aws("sqs").create_queue(QueueName="imports-of-the-contract")["QueueUrl"]
    client = s3(aws_endpoint)
    client.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    arn = "arn:aws:sqs:eu-west-1:123456789012:imports-of-the-contract"
    events = {
        "QueueArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "imports/"}]}},
    }
    client.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [events]}
    )
    return str(queue)


@pytest.fixture
def files(bucket: str, aws_endpoint: str) -> S3ImportFiles:
    """Return the adapter on that bucket."""
    return S3ImportFiles(s3(aws_endpoint), BUCKET)


def send(upload: Upload, content: bytes) -> int:
    """Upload a file as a client does, which has the address and the headers only."""
    return httpx.request(
        upload.method, upload.url, content=content, headers=dict(upload.headers), trust_env=False
    ).status_code


def stalled(data: bytes) -> Callable[[socket.socket], None]:
    """Return a script that sends these bytes and then nothing."""

    def run(connection: socket.socket) -> None:
        connection.sendall(data)
        silent(connection)

    return run


def whole(files: S3ImportFiles, import_id: str, start: int = 0) -> bytes:
    """Return the file from a byte on."""
    with files.read(import_id, start) as pieces:
        return b"".join(pieces)


def test_a_file_is_uploaded_once_and_read_from_any_byte(files: S3ImportFiles) -> None:
    """A second upload is refused, so a file never changes while it is read."""
    import_id, content = str(uuid4()), bytes(range(256)) * 4000
    upload = files.upload(import_id, len(content), HOUR, NOW)
    assert upload.expires_at == NOW + HOUR
    assert files.size(import_id) is None
    assert send(upload, content) == 200
    assert send(upload, content[::-1]) == 412
    assert files.size(import_id) == len(content)
    assert whole(files, import_id) == content
    assert whole(files, import_id, 1000) == content[1000:]
    assert whole(files, import_id, len(content)) == b""
    with files.read(import_id, 0) as pieces:
        assert len(next(pieces)) <= 256 * 1024, "a piece is bounded, whatever the file"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "multipart/form-data; boundary=x",
        "text/csv",
        "application/json",
    ],
)
def test_an_upload_is_kept_whatever_content_type_it_has(
    files: S3ImportFiles, content_type: str | None
) -> None:
    """Clients add the type of a form by themselves; S3 takes the body as it is."""
    import_id, content = str(uuid4()), b"accountId,config.a&b=c\r\nx,100%25+1\r\n"
    upload = files.upload(import_id, len(content), HOUR, NOW)
    typed = {"Content-Type": content_type} if content_type else {}
    response = httpx.put(
        upload.url, content=content, headers={**upload.headers, **typed}, trust_env=False
    )
    assert response.status_code == 200
    assert files.size(import_id) == len(content)
    with files.read(import_id, 0) as pieces:
        assert b"".join(pieces) == content


@pytest.mark.parametrize("client", CLIENTS)
def test_common_clients_upload_with_their_defaults(
    files: S3ImportFiles, tmp_path: Path, client: str
) -> None:
    """The address and the headers of the response are all that they need."""
    import_id, content = str(uuid4()), b"accountId\n" + b"a&b=c\n" * 1000
    upload = files.upload(import_id, len(content), HOUR, NOW)
    file = tmp_path / "accounts.csv"
    file.write_bytes(content)
    if client == "urllib":
        request = urllib.request.Request(
            upload.url, content, dict(upload.headers), method=upload.method
        )
        no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with no_proxy.open(request) as response:
            assert response.status == 200
    else:
        program, _, option = client.partition(" ")
        headers = [f"{name}: {value}" for name, value in upload.headers.items()]
        command = {
            "wget": ["--no-proxy", "-qO-", f"--method={upload.method}", f"--body-file={file}"],
            "curl": ["-sf", "--noproxy", "*", "-X", upload.method],
        }[program]
        command += {"": [], "-T": ["-T", str(file)], "--data-binary": [option, f"@{file}"]}[option]
        named = "--header" if program == "wget" else "-H"
        command += [part for header in headers for part in (named, header)]
        subprocess.run([program, *command, upload.url], check=True, timeout=30)
    with files.read(import_id, 0) as pieces:
        assert b"".join(pieces) == content


def test_the_address_signs_size_and_no_overwriting(files: S3ImportFiles) -> None:
    """S3 refuses another size and a second upload: both are part of the signature."""
    import_id = str(uuid4())
    upload = files.upload(import_id, 77, HOUR, NOW)
    address = httpx.URL(upload.url)
    assert address.path == f"/{BUCKET}/imports/{import_id}"
    assert address.params["X-Amz-SignedHeaders"].split(";") == [
        "content-length",
        "host",
        "if-none-match",
    ]
    assert address.params["X-Amz-Expires"] == "3600"
    assert address.params["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert upload.headers == {"Content-Length": "77", "If-None-Match": "*"}
    assert "X-Amz-Signature" not in repr(upload), (
        "the address is a credential and must not be logged"
    )


def test_on_aws_the_address_is_the_regions_own() -> None:
    """The global address redirects while a bucket is new, which an upload cannot follow."""
    make: Any = boto3.client
    client = make(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(**S3),
    )
    url = (
        S3ImportFiles(client, "flamebot-dev-imports")
        .upload("018f3a5e-0000-4000-8000-000000000001", 5, HOUR, NOW)
        .url
    )
    assert url.startswith(
        "https://flamebot-dev-imports.s3.eu-west-1.amazonaws.com/imports/018f3a5e-"
    )


def test_an_upload_sends_an_event(
    files: S3ImportFiles, bucket: str, aws: Callable[[str], Any]
) -> None:
    """The event names the import; the bucket's test event names none."""
    import_id = str(uuid4())
    send(files.upload(import_id, 1, HOUR, NOW), b"x")
    bodies = []
    while (
        messages := aws("sqs")
        .receive_message(QueueUrl=bucket, MaxNumberOfMessages=10)
        .get("Messages", [])
    ):
        bodies += [message["Body"] for message in messages]
    assert [import_id] in [import_ids(body) for body in bodies]
    assert all(import_ids(body) is not None for body in bodies)
    assert [] in [import_ids(body) for body in bodies if json.loads(body).get("Event")]


def test_deleting_a_file_is_idempotent(files: S3ImportFiles) -> None:
    """Deleting a file that is not there is no error."""
    import_id = str(uuid4())
    send(files.upload(import_id, 1, HOUR, NOW), b"x")
    for _ in range(2):
        files.delete(import_id)
    assert files.size(import_id) is None
    with pytest.raises(FilesUnavailable), files.read(import_id, 0):
        pass


def test_an_unreachable_store_is_unavailable() -> None:
    """Every call raises the same error, which shows no address."""
    away = S3ImportFiles(s3(f"http://127.0.0.1:{free_port()}"), BUCKET)
    import_id = str(uuid4())
    for call in (
        lambda: away.size(import_id),
        lambda: away.delete(import_id),
        lambda: whole(away, import_id),
    ):
        with pytest.raises(FilesUnavailable) as raised:
            call()
        assert "127.0.0.1" not in str(raised.value)


@pytest.mark.parametrize("how", ["hang", "cut", "error"])
def test_a_store_that_fails_in_the_middle_is_unavailable(how: str) -> None:
    """A body that stalls or ends early is an error, never the end of the file."""
    head = (
        b"HTTP/1.1 206 Partial Content\r\n"
        b"Content-Length: 1000\r\n"
        b"Content-Type: binary/octet-stream\r\n\r\n"
    )
    scripts = {
        "hang": stalled(head + b"x" * 10),
        "cut": raw(head + b"x" * 10),
        "error": answer(500, b""),
    }
    with misbehaving(scripts[how]) as server, pytest.raises(FilesUnavailable):
        whole(S3ImportFiles(s3(server.url), BUCKET), str(uuid4()))
