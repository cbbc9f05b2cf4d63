#!/usr/bin/env bash
# The openai client does not retry at all when Retry-After is longer than 120 seconds.
#
# One would expect: with max_retries=1 a 429 is sent once more; a Retry-After that is too long for
# the client is cut to its maximum, or the client falls back to its own backoff.
# What happens: above 120 s the call fails at once with RateLimitError, as if max_retries were 0,
# whether the time comes in seconds, as a date or as retry-after-ms, and though the server says
# x-should-retry: true. The reason is logged at debug level only.
# Versions: openai 3.54.0 (on httpx2 2.16.2); 2.54.0 and 3.0.0 gave the same counts.
# Why it matters: who counts on max_retries to bridge a provider's rate limit has no retry in
# the case where a wait is needed most. A durable engine takes the time from the exception's
# response and sleeps in its own store.
# Seen on 2026-12-01:
#   no Retry-After: 2 requests
#   Retry-After: 1: 2 requests
#   Retry-After: 121: 1 request
#   Retry-After: 121 with x-should-retry: 1 request
#   Retry-After: a date in 300 s: 1 request
#   retry-after-ms: 150000: 1 request
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install openai==3.54.0 httpx2==2.16.2

python - <<'PYTHON'
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai

requests = []
headers = {}


class AlwaysTooMany(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        requests.append(time.monotonic())
        self.send_response(429)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), AlwaysTooMany)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = openai.OpenAI(
    api_key="none", base_url=f"http://127.0.0.1:{server.server_port}", max_retries=1
)
cases = {
    "no Retry-After": {},
    "Retry-After: 1": {"retry-after": "1"},
    "Retry-After: 121": {"retry-after": "121"},
    "Retry-After: 121 with x-should-retry": {"retry-after": "121", "x-should-retry": "true"},
    "Retry-After: a date in 300 s": {"retry-after": formatdate(time.time() + 300, usegmt=True)},
    "retry-after-ms: 150000": {"retry-after-ms": "150000"},
}
print("openai", openai.__version__)
found = []
for label, headers in cases.items():
    requests.clear()
    try:
        client.chat.completions.create(model="none", messages=[])
    except openai.RateLimitError:
        found.append(len(requests))
    print(f"{label}: {len(requests)} request{'s' if len(requests) > 1 else ''}")

if found != [2, 2, 1, 1, 1, 1]:
    sys.exit(f"changed: {found}")
print("as found: a Retry-After above 120 s switches the retries off")
PYTHON
