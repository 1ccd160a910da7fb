"""Three IOCs as towns have them, each on a port of its own:

    mutual   HTTPS, with a certificate of an authority of its own, for whoever has a client certificate of that authority
    tokens   takes a bearer token that its own token endpoint, POST /token, gave last
    rest     a plain interface that takes any JSON

    sink_peers.py DIR MUTUAL TOKENS REST

DIR gets ca.pem, client.pem, client.key, made with the openssl command, before anything listens; REST listens last. Every request is a line of
DIR/requests.ndjson, written before it is answered.
"""

import base64
import json
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CLIENT = base64.b64encode(b"bg-vy:s3cret-of-the-client").decode()


class Peer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else {}
        names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
        line = {
            "peer": self.server.name,
            "path": self.path,
            "client": names,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode(),
        }
        with LOCK:
            REQUESTS.write(json.dumps(line) + "\n")
            REQUESTS.flush()
        status, answer = self.server.answer(self, body)
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *words):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name, port):
        super().__init__(("127.0.0.1", port), Peer)
        self.name, self.given = name, 0

    def answer(self, request, body):
        if self.name != "tokens":
            return 204, b""
        if request.path == "/token":
            if request.headers["authorization"] != "Basic " + CLIENT or b"grant_type=client_credentials" not in body:
                return 401, b'{"error":"invalid_client"}'
            self.given += 1
            return 200, json.dumps({"access_token": f"token-{self.given}", "token_type": "Bearer", "expires_in": 3600}).encode()
        return (204 if request.headers["authorization"] == f"Bearer token-{self.given}" else 401), b""


def openssl(directory, *words):
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", *key, *words], cwd=directory, check=True, capture_output=True)


def certificates(directory):
    openssl(directory, "-subj", "/CN=Town", "-keyout", "ca.key", "-out", "ca.pem")
    for name, where in (("server", "IP:127.0.0.1"), ("client", "DNS:thuong")):
        openssl(
            directory, "-subj", f"/CN={name}", "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName={where}",
            "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", f"{name}.key", "-out", f"{name}.pem",
        )


directory, ports = sys.argv[1], [int(port) for port in sys.argv[2:5]]
certificates(directory)
LOCK = threading.Lock()
REQUESTS = open(f"{directory}/requests.ndjson", "w")
mutual = Server("mutual", ports[0])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{directory}/server.pem", f"{directory}/server.key")
context.load_verify_locations(f"{directory}/ca.pem")
context.verify_mode = ssl.CERT_REQUIRED
mutual.socket = context.wrap_socket(mutual.socket, server_side=True)
servers = [mutual, Server("tokens", ports[1]), Server("rest", ports[2])]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
mutual.serve_forever()
