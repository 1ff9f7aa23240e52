"""Debian's Redis and PostgreSQL on free loopback ports, for one test run."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis

from tests import services
from tests.databases.servers import Server, running

#: Characters that have a meaning in an address.
PASSWORD = "correct/horse:b@ttery%"


@dataclass(frozen=True)
class RedisServer:
    """A running Redis; its data is in memory.

    Args:
        server: to kill and start again.
        url: with the password.
    """

    server: Server
    url: str

    def empty(self):
        """Forget everything."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def client(self):
        """A client of its own, for a ``with``."""
        return redis.Redis.from_url(self.url, decode_responses=True)


@contextlib.contextmanager
def redis_server(folder):
    """A Redis with a password."""
    program = services.program("redis-server", package="redis-server")
    port = services.free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--requirepass", PASSWORD]
    command += ["--save", "", "--appendonly", "no", "--dir", str(folder), "--daemonize", "no"]

    def ready():
        socket.create_connection(("127.0.0.1", port), timeout=5).close()

    url = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/0"
    with running(Server(command, folder / "redis.log", ready)) as server:
        yield RedisServer(server, url)


@dataclass(frozen=True)
class PostgresServer:
    """A running PostgreSQL.

    Args:
        server: to kill and start again.
        url: of its one database, with user and password.
    """

    server: Server
    url: str

    def empty(self):
        """Forget everything."""
        with self.connection() as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    def connection(self):
        """A connection of its own, for a ``with``."""
        return psycopg.connect(self.url)


@contextlib.contextmanager
def postgres_server():
    """A PostgreSQL with a password, which does not run as root."""
    initdb = _postgres_program("initdb")
    folder = Path(tempfile.mkdtemp(prefix="wca-postgres-"))
    as_user = []
    try:
        if os.getuid() == 0:
            user = os.environ.get("WCA_TEST_USER", "postgres")
            shutil.chown(folder, user, user)
            as_user = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"]
        _make_cluster([*as_user, initdb], folder)
        with _running_postgres(as_user, folder) as (server, port):
            url = f"postgresql://wca:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
            yield PostgresServer(server, url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_cluster(initdb, folder):
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    options = ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=scram-sha-256"]
    options += ["--username=wca", f"--pwfile={secret}", "-D", str(folder / "data")]
    done = subprocess.run([*initdb, *options], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr


@contextlib.contextmanager
def _running_postgres(as_user, folder):
    port = services.free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "shared_buffers": "16MB",
    }
    command = [*as_user, _postgres_program("postgres"), "-D", str(folder / "data")]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]

    def ready():
        try:
            psycopg.connect(
                host="127.0.0.1", port=port, user="wca", password=PASSWORD, dbname="postgres"
            ).close()
        except psycopg.OperationalError as error:
            raise OSError(str(error)) from None

    with running(Server(command, folder / "log", ready)) as server:
        yield server, port


def _postgres_program(name):
    """Debian keeps the server's programs out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else services.program(name, package="postgresql")
