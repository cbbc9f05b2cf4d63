#!/usr/bin/env bash
# httpx: a transport that is passed for its retries drops the client's connection limit.
#
# One would expect: Client(limits=Limits(max_connections=2), transport=HTTPTransport(retries=3)) has
# at most two connections. Both are arguments of one call, and no error or warning comes.
# What happens: limits configure only the transport that the client would make by itself. With a
# transport of one's own they are ignored: eight threads have eight requests under way. Retries can
# only be set on a transport, so the pair is common.
# Versions: httpx 0.28.1 (httpcore 1.0.9).
# Why it matters: the pool's limit is how a step function bounds its load on a vendor. It is lost on
# the day that retries of the connect. The limits belong on the transport.
# Seen on 2026-12-01:
#   limits on the client: 2 requests at once
#   limits on the client, transport with retries: 8 requests at once
#   limits on the transport: 2 requests at once
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install httpx==0.28.1 httpcore==1.0.9

python - <<'PYTHON'
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

THREADS = 8
lock = threading.Lock()
running = most = 0


class Slow(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.4)
        with lock:
            running -= 1
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
two = httpx.Limits(max_connections=2)
print("httpx", httpx.__version__)
found = []
for label, options in {
    "limits on the client": {"limits": two},
    "limits on the client, transport with retries": {
        "limits": two, "transport": httpx.HTTPTransport(retries=3)
    },
    "limits on the transport": {"transport": httpx.HTTPTransport(retries=3, limits=two)},
}.items():
    most = 0
    with httpx.Client(timeout=30, **options) as client:
        threads = [threading.Thread(target=client.get, args=(address,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(f"{label}: {most} requests at once")
    found.append(most)

if found[0] != 2 or found[1] <= 2 or found[2] != 2:
    sys.exit(f"changed: {found}")
print("as found: the client's limits do not reach a transport that is passed in")
PYTHON
