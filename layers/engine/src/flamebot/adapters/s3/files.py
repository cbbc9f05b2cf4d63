"""Files that wait to be imported, in a bucket that nobody but the system reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from flamebot.adapters.s3.events import PREFIX
from flamebot.domain.errors import FilesUnavailable
from flamebot.ports.import_files import Upload

_PIECE: Final = 256 * 1024  # bytes
_GONE: Final = frozenset({"NoSuchKey", "NotFound", "404"})
_NOTHING_THERE: Final = "InvalidRange"  # a byte past the end


class S3ImportFiles:
    """`ImportFiles` on one bucket. Safe to share between threads."""

    def __init__(self, client: Any, bucket: str) -> None:  # noqa: ANN401  # boto3 clients have no static type
        """Take a boto3 S3 client that signs with version 4, and the bucket's name."""
        self._client = client
        self._bucket = bucket

    def upload(self, import_id: str, size: int, valid: timedelta, now: datetime) -> Upload:
        """A presigned PUT. Size and `If-None-Match` are signed: exactly this many bytes, and nothing is overwritten.

        So what was read once stays what it is while it is read, and a second upload of the same file is refused with 412.
        """
        url = self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._bucket,
                "Key": _key(import_id),
                "ContentLength": size,
                "IfNoneMatch": "*",  # guard: upload-once
            },
            ExpiresIn=int(valid.total_seconds()),
            HttpMethod="PUT",
        )
        return Upload(
            url=url,
            method="PUT",
            headers={"Content-Length": str(size), "If-None-Match": "*"},
            expires_at=now + valid,
        )

    def size(self, import_id: str) -> int | None:
        """How many bytes are there."""
        try:
            return int(
                self._client.head_object(Bucket=self._bucket, Key=_key(import_id))["ContentLength"]
            )
        except ClientError as error:
            if _code(error) in _GONE:
                return None
            raise _unavailable(error) from None
        except BotoCoreError as error:
            raise _unavailable(error) from None

    @contextmanager
    def read(self, import_id: str, start: int) -> Iterator[Iterator[bytes]]:
        """One GET, whose body is taken as it is asked for."""
        try:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=_key(import_id), Range=f"bytes={start}-"
            )
        except ClientError as error:
            if _code(error) == _NOTHING_THERE:
                yield iter(())
                return
            raise _unavailable(error) from None
        except BotoCoreError as error:
            raise _unavailable(error) from None
        with closing(answer["Body"]) as body:
            yield _pieces(body)

    def delete(self, import_id: str) -> None:
        """Delete it."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=_key(import_id))
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(error) from None


def _pieces(body: Any) -> Iterator[bytes]:  # noqa: ANN401  # botocore's StreamingBody
    """Bounded pieces. A body that ends early is an error, never an end: the client compares with the announced length."""
    while True:
        try:
            piece = body.read(_PIECE)
        except (BotoCoreError, OSError) as error:
            raise _unavailable(error) from None
        if not piece:
            return
        yield piece


def _key(import_id: str) -> str:
    return f"{PREFIX}{import_id}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _unavailable(error: Exception) -> FilesUnavailable:
    what = _code(error) if isinstance(error, ClientError) else type(error).__name__
    return FilesUnavailable(f"The file store answered {what or 'an error'}.")
