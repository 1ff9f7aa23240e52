"""FerretDB with SQLite behind it, built from its Go module: a server that speaks MongoDB's protocol.

Debian has no MongoDB.
"""

import contextlib
import os
import socket
from pathlib import Path

from tests import go_toolchain, services
from tests.databases.servers import Server, running

MODULE = Path(__file__).parents[2] / "ferretdb"
PACKAGE = "github.com/FerretDB/FerretDB/cmd/ferretdb"
BUILT = Path(__file__).parents[3] / "build" / "ferretdb" / "ferretdb"


@contextlib.contextmanager
def mongo_server(folder):
    """The address of a server without a password; its build takes minutes where it is not there."""
    tags = "ferretdb_no_mysql,ferretdb_no_hana"
    program = go_toolchain.built(MODULE, PACKAGE, BUILT, "-tags", tags, GOTOOLCHAIN="local")
    port = services.free_port()
    command = [
        str(program),
        "--handler=sqlite",
        f"--sqlite-url=file:{folder}/",
        "--telemetry=disable",
    ]
    command += [f"--listen-addr=127.0.0.1:{port}", f"--state-dir={folder}", "--debug-addr=-"]

    def ready():
        socket.create_connection(("127.0.0.1", port), timeout=5).close()

    assert os.path.isdir(folder)
    with running(Server(command, Path(folder) / "ferretdb.log", ready)):
        yield f"mongodb://127.0.0.1:{port}"
