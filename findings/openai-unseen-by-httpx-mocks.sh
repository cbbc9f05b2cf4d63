#!/usr/bin/env bash
# respx, the mock library for httpx, does not see the openai client any more: calls go out for real.
#
# One would expect: respx.mock replaces the transport of every httpx client, and a request without a
# matching route fails; so a test under it cannot reach the provider.
# What happens: since 3.0 the openai package sends through httpx2, another package with classes of
# its own. respx patches httpx alone: the request leaves the process, the route is called zero times
# and nothing warns. A client that is given http_client=httpx.Client() is mocked as before, because
# it still takes httpx's clients.
# Versions: openai 3.54.0 (on httpx2 2.16.2), httpx 0.28.1, respx 0.23.1. openai 3.0.0 passes the
# mock by as well; 2.54.0, the release before it that still uses httpx, is mocked.
# Why it matters: after an upgrade a test suite with a real key in its environment spends money and
# tests the provider. Any instrument that patches httpx's transport has the same gap.
# Seen on 2026-12-01:
#   default client under respx: answer "from the server", route called 0 times
#   with http_client=httpx.Client(): answer "from the mock", route called 1 times
set -euo pipefail
. "$(dirname "$0")/lib/setup.sh"
install openai==3.54.0 httpx2==2.16.2 httpx==0.28.1 respx==0.23.1

python - <<'PYTHON'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

import httpx
import openai
import respx


def completion(text):
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps(completion("from the server")).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
print(*(f"{name} {version(name)}" for name in ("openai", "httpx2", "httpx", "respx")))
found = []
for label, options in {
    "default client under respx": {},
    "with http_client=httpx.Client()": {"http_client": httpx.Client()},
}.items():
    with respx.mock(assert_all_called=False) as mock:
        mock.post(url__startswith=address).respond(json=completion("from the mock"))
        client = openai.OpenAI(api_key="none", base_url=address, max_retries=0, **options)
        answer = client.chat.completions.create(model="m", messages=[])
        text, calls = answer.choices[0].message.content, mock.calls.call_count
    print(f'{label}: answer "{text}", route called {calls} times')
    found.append((text, calls))

if found != [("from the server", 0), ("from the mock", 1)]:
    sys.exit(f"changed: {found}")
print("as found: the request of the default client passed the mock by")
PYTHON
