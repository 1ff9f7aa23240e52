"""FerretDB with SQLite behind it, built from its Go module: a server that speaks MongoDB's protocol.

Debian has no MongoDB.
"""

import contextlib
import socket
from pathlib import Path

from tests import go_toolchain, services
from tests.databases.servers import Server, running

MODULE = Path(__file__).parents[2] / "ferretdb"
#: Survives from run to run.
BUILT = Path(__file__).parents[3] / "build" / "ferretdb" / "ferretdb"
#: What would keep its data elsewhere is most of its code, and of no use here.
TAGS = "ferretdb_no_mysql,ferretdb_no_hana,ferretdb_no_postgresql"


@contextlib.contextmanager
def mongo_server(folder):
    """The address of a server without a password; its build takes minutes where it is not there."""
    program = go_toolchain.built(MODULE, ".", BUILT, "-tags", TAGS, GOTOOLCHAIN="local")
    port = services.free_port()
    data = Path(folder) / "data"
    data.mkdir()

    def ready():
        socket.create_connection(("127.0.0.1", port), timeout=5).close()

    command = [str(program), f"127.0.0.1:{port}", str(data)]
    with running(Server(command, Path(folder) / "log", ready)):
        yield f"mongodb://127.0.0.1:{port}"
