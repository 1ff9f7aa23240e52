"""A web service in a process of its own, where neither its threads nor its files are counted."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests import tls_server
from tests.certificates import Certificates
from tests.http_receiver import Receiver, Reply

_PROGRAM = "from tests.nodes.distant import serve; serve()"


class DistantService:
    """Answers every request with what it was told last; a context manager.

    Args:
        certificates: of the server; None: plain HTTP.
        ask_client: whether a client must show a certificate.
        port: where it listens; 0: on any that is free.
        prefix: of the command, such as ``unshare --net``.
    """

    def __init__(self, certificates=None, *, ask_client=False, port=0, prefix=()):
        self._settings = {
            "certificates": certificates and vars(certificates),
            "ask_client": ask_client,
            "port": port,
        }
        self._prefix = prefix

    def __enter__(self):
        self._process = subprocess.Popen(
            [*self._prefix, sys.executable, "-c", _PROGRAM],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._tell(self._settings)
        return self

    def __exit__(self, *exception):
        with self._process:
            self._process.send_signal(signal.SIGCONT)
            self._process.stdin.close()  # which ends it

    @property
    def pid(self):
        return self._process.pid

    def answer(self, document, **reply):
        """Answer with a document from now on.

        Args:
            document: what becomes JSON; text is taken as it is.
            reply: further arguments of ``Reply``.
        """
        body = document if isinstance(document, str) else json.dumps(document)
        self._tell({"body": body, **reply})

    @contextlib.contextmanager
    def stopped(self):
        """While it is entered connections come about and nothing is ever answered."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def _tell(self, words):
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


def serve():
    """Run the service until the end of standard input."""
    settings = json.loads(sys.stdin.readline())
    context = None
    if settings["certificates"]:
        context = tls_server.context(
            Certificates(**settings["certificates"]), ask_client=settings["ask_client"]
        )
    with Receiver(context, port=settings["port"]) as receiver:
        print(receiver.url, flush=True)
        for line in sys.stdin:
            reply = json.loads(line)
            receiver.reply(Reply(**{**reply, "body": reply["body"].encode()}))
            print("told", flush=True)
