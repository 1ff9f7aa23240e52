"""The examples do what the documentation says, used as a user uses them: by module name."""

import http.server
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wca.metrics import Metric
from wca.storage import FailedDeliveryException

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run_python(code, *folders):
    path = os.pathsep.join(map(str, (*folders, EXAMPLES, ROOT)))
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def examples(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    for module in ("http_storage", "http_store"):
        monkeypatch.delitem(sys.modules, module, raising=False)


@pytest.fixture
def server():
    """A service that keeps what is posted and answers with ``server.status``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.posted.append((self.headers["Content-Type"], body))
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.posted, server.status = [], 200
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_hello_world_says_so_and_its_exit_code_is_0():
    done = run_python(
        "from hello_world_runner import HelloWorldRunner\n"
        "raise SystemExit(HelloWorldRunner().run())"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello world!\n", "")


def test_hello_world_with_a_library_prints_the_day(tmp_path):
    # A stand-in with the one function that is used; the real library is a file of its own.
    package = tmp_path / "dateutil"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "utils.py").write_text(
        "import datetime\ndef today():\n    return datetime.datetime(2019, 6, 14)\n"
    )
    done = run_python(
        "from hello_world_runner_with_dateutil import HelloWorldRunner\n"
        "raise SystemExit(HelloWorldRunner().run())",
        tmp_path,
    )
    assert done.stdout == "Hello world! Today is 2019-06-14 00:00:00\n", done.stderr
    assert done.returncode == 0


def test_the_http_storage_posts_values_by_name_and_says_that_it_sends(examples, server, caplog):
    from http_storage import HTTPStorage

    with caplog.at_level(logging.INFO, "http_storage"):
        HTTPStorage(http_endpoint=server.url).store([Metric("wca_up", 1.5), Metric("wca_tasks", 0)])
    ((content_type, body),) = server.posted
    assert content_type == "application/json"
    assert json.loads(body) == {"wca_up": 1.5, "wca_tasks": 0}
    sent = [(r.name, r.levelname, r.getMessage()) for r in caplog.records]
    assert ("http_storage", "INFO", "sending!") in sent


def test_the_http_storage_reports_an_answer_that_is_no_success(examples, server):
    from http_storage import HTTPStorage

    server.status = 503
    with pytest.raises(FailedDeliveryException, match="503"):
        HTTPStorage(server.url).store([])


def test_the_http_storage_reports_a_service_that_is_not_there(examples):
    from http_storage import HTTPStorage

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, so that nobody else listens there
        with pytest.raises(FailedDeliveryException, match="refused"):
            HTTPStorage(f"http://127.0.0.1:{nobody.getsockname()[1]}").store([])


def test_the_endpoint_of_the_documentation_is_the_default(examples):
    from http_storage import HTTPStorage

    assert HTTPStorage().http_endpoint == "http://127.0.0.1:8000"


def test_http_store_is_the_same_storage_by_the_name_of_the_command(examples):
    import http_storage
    import http_store

    assert http_store.HTTPStorage is http_storage.HTTPStorage
