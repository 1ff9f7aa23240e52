"""Debian's etcd and ZooKeeper, on free loopback ports, for one test run."""

import contextlib
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tests import services
from wca.security import SSL

#: The first names what it needs, but not all of it; the last writes the log.
ZOOKEEPER = [
    f"/usr/share/java/{name}.jar"
    for name in ("zookeeper", "netty-codec", "netty-resolver", "slf4j-simple")
]


@dataclass
class Server:
    """A process that can be killed and started again, and ends with this one for certain.

    Args:
        command: what to run.
        log: a ``pathlib.Path``: where its output goes.
        ready: called until it returns without ``OSError``.
    """

    command: list[str]
    log: Path
    ready: object
    process: object = field(default=None, init=False)

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while self.is_away():
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.05)

    def is_away(self):
        try:
            self.ready()
        except OSError:
            return True
        return False

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def running(server):
    """A server from start to kill."""
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.kill()


@contextlib.contextmanager
def etcd(folder, certificates=None):
    """An etcd; with certificates over TLS, asking its clients for theirs. Yields (server, url)."""
    program = services.program("etcd", package="etcd-server")
    port, peer = services.free_ports(2)
    scheme = "https" if certificates else "http"
    url = f"{scheme}://127.0.0.1:{port}"
    peers = f"http://127.0.0.1:{peer}"
    command = [program, "--data-dir", str(folder / "data"), "--log-level", "warn", "--name", "one"]
    command += ["--listen-client-urls", url, "--advertise-client-urls", url]
    command += ["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers]
    command += ["--initial-cluster", f"one={peers}", "--unsafe-no-fsync"]
    context = None
    if certificates:
        command += ["--cert-file", certificates.server_cert, "--key-file", certificates.server_key]
        command += ["--trusted-ca-file", certificates.ca, "--client-cert-auth"]
        context = SSL(certificates.ca, certificates.client_cert, certificates.client_key).context()

    def ready():
        urllib.request.urlopen(f"{url}/health", timeout=5, context=context).close()

    with running(Server(command, folder / "etcd.log", ready)) as server:
        yield server, url


@dataclass(frozen=True)
class ZooKeeper:
    """A running ZooKeeper.

    Args:
        server: to kill and start again.
        plain: host:port without TLS.
        secure: the port of 127.0.0.1 with TLS, that asks for a client's certificate.
    """

    server: Server
    plain: str
    secure: int


@contextlib.contextmanager
def zookeeper(folder, certificates):
    """A ZooKeeper, without and with TLS. Yields a ``ZooKeeper``."""
    java = services.program("java", package="default-jre-headless")
    if not all(Path(jar).exists() for jar in ZOOKEEPER):
        services.missing("ZooKeeper is not installed (Debian's package zookeeper)")
    plain, secure = services.free_ports(2)
    identity = folder / "identity.pem"
    identity.write_text(
        Path(certificates.server_key).read_text() + Path(certificates.server_cert).read_text()
    )
    settings = {
        "dataDir": folder / "data",
        "clientPort": plain,
        "clientPortAddress": "127.0.0.1",
        "secureClientPort": secure,
        "secureClientPortAddress": "127.0.0.1",
        "serverCnxnFactory": "org.apache.zookeeper.server.NettyServerCnxnFactory",
        "admin.enableServer": "false",
        "tickTime": 500,
        "4lw.commands.whitelist": "ruok",
        "ssl.keyStore.location": identity,
        "ssl.keyStore.type": "PEM",
        "ssl.trustStore.location": certificates.ca,
        "ssl.trustStore.type": "PEM",
    }
    configuration = folder / "zoo.cfg"
    configuration.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    command = [java, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dzookeeper.forceSync=no"]
    command += ["-cp", ":".join(ZOOKEEPER), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    command += ["org.apache.zookeeper.server.ZooKeeperServerMain", str(configuration)]

    def ready():
        with socket.create_connection(("127.0.0.1", plain), 5) as connection:
            connection.sendall(b"ruok")
            if connection.recv(16) != b"imok":
                raise OSError("not yet")

    with running(Server(command, folder / "zookeeper.log", ready)) as server:
        yield ZooKeeper(server, f"127.0.0.1:{plain}", secure)
