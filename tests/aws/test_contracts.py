"""The shipped contract suite, on both storages for CloudWatch."""

import subprocess
import sys

import pytest

from tests.services import free_port
from wca.storage import CloudWatchStorage, EmfStorage
from wca.testing import StorageContract

#: Takes everything, in a process of its own: the suite counts threads and descriptors of this one.
SERVICE = """
import http.server

class Taking(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def service():
    process = subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True)
    yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    process.kill()
    process.communicate()


class TestCloudWatchStorage(StorageContract):
    @pytest.fixture(autouse=True)
    def place(self, service, monkeypatch):
        self.url = service
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    def storage(self):
        return CloudWatchStorage("Test", label_dimensions=["task_id"], endpoint_url=self.url)

    def failing_storage(self):
        return CloudWatchStorage("Test", endpoint_url=f"http://127.0.0.1:{free_port()}")


class TestEmfStorage(StorageContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.folder = tmp_path

    def storage(self):
        return EmfStorage("Test", output=str(self.folder / "lines"), label_dimensions=["task_id"])

    def failing_storage(self):
        return EmfStorage("Test", output=f"tcp://127.0.0.1:{free_port()}")
