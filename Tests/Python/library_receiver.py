"""A receiver of PyPI's `cloudevents` and `standardwebhooks`, as an IOC may have it.

    library_receiver.py SECRETS LOG PORT     serves on loopback; answers 204 to what both libraries take, 401 to the rest
    library_receiver.py SECRETS LOG < FILE   judges requests of {"headers": {…}, "body": "…"}, one a line

SECRETS is read anew for every request, one secret a line. LOG gets a JSON object for each request, on the disk before the answer: what
the libraries read, and which altered copies of the request they took too.
"""
import datetime, http.server, json, os, sys, threading
from cloudevents.core.bindings import http as binding
from cloudevents.v1.http import from_http
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

secrets_file, log_file = sys.argv[1:3]
log, lock = open(log_file, "a", encoding="utf-8"), threading.Lock()


def verifies(secret, headers, body):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except (WebhookVerificationError, ValueError):
        return False


def mutants(secret, headers, body):
    """Requests that differ in little, none of which may verify."""
    id, at = headers["webhook-id"], int(headers["webhook-timestamp"])
    for place in range(0, len(body), max(1, len(body) // 16)):
        byte = bytes([body[place] ^ 1]) if body[place] < 128 else b"a"
        yield f"byte {place}", headers, body[:place] + byte + body[place + 1 :]
    yield "a byte more", headers, body + b" "
    yield "a byte less", headers, body[:-1]
    yield "another id", {**headers, "webhook-id": id[:-1] + ("a" if id[-1] != "a" else "b")}, body
    for shift in (-1, 1):
        yield f"{shift} s", {**headers, "webhook-timestamp": str(at + shift)}, body
    for shift in (-301, 301):  # rightly signed, at a wrong time
        then = datetime.datetime.fromtimestamp(datetime.datetime.now().timestamp() + shift * 1.01, tz=datetime.timezone.utc)
        signature = Webhook(secret).sign(id, then, body.decode())
        yield f"signed {shift} s from now", {**headers, "webhook-timestamp": str(int(then.timestamp())), "webhook-signature": signature}, body
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        yield f"no {name}", {key: value for key, value in headers.items() if key != name}, body


def judge(headers, body):
    headers = {name.lower(): value for name, value in headers.items()}
    secrets = open(secrets_file, encoding="utf-8").read().split()
    known = [secret for secret in secrets if verifies(secret, headers, body)]
    found = {"verified": len(known), "secrets": len(secrets), "sequence": headers.get("thuong-sequence"), "taken": []}
    if known:
        event = binding.from_http_event(binding.HTTPMessage(headers=headers, body=body))
        older = from_http(headers, body)
        found["id"], found["type"], found["subject"] = event.get_id(), event.get_type(), event.get_subject()
        found["time"] = json.loads(body)["time"]
        found["same"] = (older["id"], older["type"], older.data) == (event.get_id(), event.get_type(), event.get_data())
        found["same"] &= event.get_id() == headers["webhook-id"] and event.get_time() == datetime.datetime.fromisoformat(found["time"])
        found["taken"] = [name for name, *mutant in mutants(known[0], headers, body) if verifies(known[0], *mutant)]
    with lock:
        log.write(json.dumps(found) + "\n")
        log.flush()
        os.fsync(log.fileno())
    return bool(known)


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204 if judge(dict(self.headers), body) else 401)
        self.send_header("content-length", "0")
        self.end_headers()


if len(sys.argv) == 4:
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[3])), Receiver).serve_forever()
for line in sys.stdin:
    request = json.loads(line)
    judge(request["headers"], request["body"].encode())
