"""What showing pages must not cost."""

import subprocess
import sys

HEAVY = [
    "ssl",
    "hashlib",
    "http.server",
    "http.client",
    "email",
    "socketserver",
    "requests",
    "kafka",
]
SCRIPT = f"""
import sys
from wca.http import HttpServer
from wca.metrics import Metric
from wca.storage import PrometheusStorage

def get(url):  # by hand: the client of the standard library is heavy itself
    import socket
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /metrics HTTP/1.0\\r\\nAccept-Encoding: gzip\\r\\n\\r\\n")
        return connection.recv(1000)

storage, server = PrometheusStorage(), HttpServer("127.0.0.1:0")
storage.store([Metric("a", i, {{"i": str(i)}}) for i in range(100)])
server.show(storage.routes())
server.start()
assert b" 200 OK" in get(server.url)
server.close(1.0)
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_a_page_without_tls_and_passwords_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
