#!/usr/bin/env bash
# A presigned PUT of curl, wget or urllib stores an empty object in moto, and is answered 200.
#
# One would expect: S3 stores the body of a PUT as it is; the content type is only a label.
# What happens: the three clients add the content type application/x-www-form-urlencoded to a body
# (curl --data-binary, wget --body-file, urllib by default). moto's server parses such a body as a
# form first, finds nothing left, and stores 0 bytes with the ETag of nothing. The response is 200
# with that ETag, and a signed Content-Length does not matter. With any other type all is stored.
# Versions: moto 5.2.5 in server mode, Python's urllib as the client.
# Why it matters: an upload address that is handed to people works on AWS and loses their file
# against the emulator, with no hint at a content type as the cause.
# Seen on 2026-12-01:
#   PUT without a type of its own: 200, 0 of 21 bytes, ETag of nothing: True
#   PUT as text/csv: 200, 21 of 21 bytes, ETag of nothing: False
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install "moto[s3]==5.2.5" boto3==1.44.8 flask==3.1.3 flask-cors==6.0.5

python - <<'PYTHON'
import hashlib
import logging
import sys
import urllib.request
from importlib.metadata import version

import boto3
from moto.server import ThreadedMotoServer

CONTENT = b"accountId\na&b=c\nd%20\n"
NOTHING = hashlib.md5(b"").hexdigest()
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
s3 = boto3.client(
    "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1",
    aws_access_key_id="test", aws_secret_access_key="test",
)
s3.create_bucket(Bucket="uploads")
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def stored(key, headers):
    address = s3.generate_presigned_url(
        "put_object",
        Params={"Bucket": "uploads", "Key": key, "ContentLength": len(CONTENT)},
        HttpMethod="PUT",
    )
    request = urllib.request.Request(address, CONTENT, headers, method="PUT")
    with opener.open(request) as response:
        found = s3.get_object(Bucket="uploads", Key=key)["Body"].read()
        return response.status, len(found), NOTHING in response.headers["ETag"]


print("moto", version("moto"))
plain = stored("plain", {})
typed = stored("typed", {"Content-Type": "text/csv"})
server.stop()
for name, (status, size, empty) in (("without a type of its own", plain), ("as text/csv", typed)):
    print(f"PUT {name}: {status}, {size} of {len(CONTENT)} bytes, ETag of nothing: {empty}")
if plain != (200, 0, True) or typed != (200, len(CONTENT), False):
    sys.exit("changed: the body of a form type is treated in another way")
print("as found: a PUT with the content type of a form was stored empty, with 200")
PYTHON
