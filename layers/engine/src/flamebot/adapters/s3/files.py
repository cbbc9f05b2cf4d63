"""The store of import files on S3, in a bucket that only the system reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from flamebot.adapters.s3.events import PREFIX
from flamebot.domain.errors import FilesUnavailable
from flamebot.ports.import_files import Upload

_CHUNK: Final = 256 * 1024  # bytes
_GONE: Final = frozenset({"NoSuchKey", "NotFound", "404"})
_PAST_END: Final = "InvalidRange"  # the first byte is past the end of the file


class S3ImportFiles:
    """`ImportFiles` on one bucket. Safe to share between threads."""

    def __init__(self, client: Any, bucket: str) -> None:  # noqa: ANN401  # boto3 clients have no static type
        """Use an S3 client that signs with version 4, and a bucket."""
        self._client = client
        self._bucket = bucket

    def upload(self, import_id: str, size: int, valid: timedelta, now: datetime) -> Upload:
        """Return a presigned PUT of exactly `size` bytes, which overwrites no file."""
        # Size and If-None-Match are signed. A file that is being imported cannot change, so chunks
        # that are read later belong to the same file; a second upload is refused with 412.
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
        """Return the size of the uploaded file in bytes; None if there is none."""
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
        """Return the content from byte `start` on: one GET, whose body is read in chunks."""
        try:
            response = self._client.get_object(
                Bucket=self._bucket, Key=_key(import_id), Range=f"bytes={start}-"
            )
        except ClientError as error:
            if _code(error) == _PAST_END:
                yield iter(())
                return
            raise _unavailable(error) from None
        except BotoCoreError as error:
            raise _unavailable(error) from None
        with closing(response["Body"]) as body:
            yield _chunks(body)

    def delete(self, import_id: str) -> None:
        """Delete the file, if there is one."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=_key(import_id))
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(error) from None


def _chunks(body: Any) -> Iterator[bytes]:  # noqa: ANN401  # botocore's StreamingBody
    # The client compares the length with Content-Length: a body that ends early raises an error.
    while True:
        try:
            chunk = body.read(_CHUNK)
        except (BotoCoreError, OSError) as error:
            raise _unavailable(error) from None
        if not chunk:
            return
        yield chunk


def _key(import_id: str) -> str:
    return f"{PREFIX}{import_id}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _unavailable(error: Exception) -> FilesUnavailable:
    what = _code(error) if isinstance(error, ClientError) else type(error).__name__
    return FilesUnavailable(f"The file store returned {what or 'an error'}.")
