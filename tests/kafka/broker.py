"""A broker of Apache Kafka on loopback, which tests may kill and start again."""

import base64
import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.kafka.distribution import classpath
from tests.services import program

CLUSTER = "AAAAAAAAAAAAAAAAAAAAAQ"
# A small heap, and a compiler that is soon done.
JAVA = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
USER, PASSWORD = "wca", "correct-horse"
PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAIN://127.0.0.1:{plain},PLAIN6://[::1]:{plain6},TLS://127.0.0.1:{tls},SASL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAIN
listener.security.protocol.map=PLAIN:PLAINTEXT,PLAIN6:PLAINTEXT,TLS:SSL,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/log
auto.create.topics.enable=false
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=200
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
log.cleaner.enable=false
log.retention.ms=-1
controlled.shutdown.enable=false
socket.request.max.bytes=20000000
listener.name.tls.ssl.client.auth=required
listener.name.tls.ssl.keystore.type=PEM
listener.name.tls.ssl.keystore.location={keystore}
listener.name.tls.ssl.truststore.type=PEM
listener.name.tls.ssl.truststore.location={truststore}
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""


@dataclass(frozen=True)
class Record:
    """One record of a topic, as Kafka's own consumer has read it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes


class Broker:
    """One broker that is its own controller; its ports and its log stay the same over restarts.

    Args:
        folder: for its log and settings; empty.
        certificates: its TLS identity, and whose clients it believes.
    """

    def __init__(self, folder, certificates):
        self.folder = Path(folder)
        self.classpath = classpath()
        names = ("plain", "plain6", "tls", "sasl", "controller")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.address = f"127.0.0.1:{self.ports['plain']}"
        self.address6 = f"[::1]:{self.ports['plain6']}"
        self.tls_address = f"127.0.0.1:{self.ports['tls']}"
        self.sasl_address = f"127.0.0.1:{self.ports['sasl']}"
        self.process = None
        self._write_settings(certificates)

    def start(self):
        """Start, and wait until it answers."""
        # It ends with the tests, however they end.
        bound = [program("setpriv", package="util-linux"), "--pdeathsig", "KILL"]
        command = [*JAVA, QUIET, "-cp", self.classpath, "kafka.Kafka", self._settings]
        with open(self.folder / "out", "ab") as out:
            self.process = subprocess.Popen([*bound, *command], stdout=out, stderr=out)
        self._wait()

    def kill(self):
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self):
        """End it in order; safe twice."""
        self._end(signal.SIGTERM)

    def freeze(self):
        """Let it hold its connections and answer nothing; returns when no thread runs any more."""
        self.process.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self.process.pid}/task")
        while any(state(thread / "stat") not in "Tt" for thread in threads.iterdir()):
            time.sleep(0.001)

    def thaw(self):
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def create(self, topic, partitions=1, **settings):
        """Make a topic; settings such as ``max_message_bytes=2000``."""
        from kafka.admin import KafkaAdminClient, NewTopic

        configs = {key.replace("_", "."): str(value) for key, value in settings.items()}
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
        finally:
            admin.close()
        return topic

    def read(self, topic):
        """All records of a topic."""
        done = subprocess.run(
            [*JAVA, QUIET, "-cp", self.classpath, "ReadTopic", self.address, topic],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [record(line) for line in done.stdout.splitlines()]

    def connections(self):
        """Established connections to the plain port that the broker's process has."""
        port = f":{self.ports['plain']:04X}"
        rows = [
            line.split()
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        ]
        inodes = {row[9] for row in rows if row[1].endswith(port) and row[3] == "01"}
        return sum(1 for inode in sockets_of(self.process.pid) if inode in inodes)

    def _end(self, number):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
        if self.process is not None:
            self.process.wait()

    def _wait(self):
        end = time.monotonic() + 60
        while not answers(self.ports["plain"]):
            lost = self.process.poll() is not None or time.monotonic() > end
            assert not lost, (self.folder / "out").read_text()[-4000:]
            time.sleep(0.05)

    def _write_settings(self, certificates):
        keystore = self.folder / "keystore.pem"
        keystore.write_text(
            Path(certificates.server_key).read_text() + Path(certificates.server_cert).read_text()
        )
        self._settings = str(self.folder / "server.properties")
        Path(self._settings).write_text(
            PROPERTIES.format(
                folder=self.folder,
                keystore=keystore,
                truststore=certificates.ca,
                user=USER,
                password=PASSWORD,
                **self.ports,
            )
        )
        scram = f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]"
        tool = [*JAVA, QUIET, "-cp", self.classpath, "kafka.tools.StorageTool", "format"]
        done = subprocess.run(
            [*tool, "-t", CLUSTER, "-c", self._settings, "--add-scram", scram],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def state(stat):
    """The state of a thread (man 5 proc_pid_stat); T for one that has ended meanwhile."""
    with contextlib.suppress(OSError):
        return stat.read_text().rpartition(") ")[2][0]
    return "T"


def record(line):
    partition, offset, timestamp, key, value = line.split(" ")
    decoded = None if key == "-" else base64.b64decode(key)
    return Record(int(partition), int(offset), int(timestamp), decoded, base64.b64decode(value))


def sockets_of(process):
    for name in os.listdir(f"/proc/{process}/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/{process}/fd/{name}")
            if target.startswith("socket:["):
                yield target[8:-1]


def free_ports(count):
    """Ports that no one gets by chance while the broker is down: below those the kernel gives."""
    with contextlib.ExitStack() as stack:
        ports = []
        while len(ports) < count:
            taken = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                taken.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
                ports.append(taken.getsockname()[1])
        return ports
