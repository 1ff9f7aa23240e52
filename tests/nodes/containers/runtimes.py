"""Debian's containerd and dockerd, each with sockets, folders and cgroups of its own.

They run in a mount namespace of their own with /run and /opt of their own: whatever happens to the
test, no mount of theirs is left, and nothing of theirs is where a real one would have it.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import docker
import grpc
import requests

from tests import services
from tests.cgroup_fixtures import need_root, remove_group
from tests.nodes.containers import image, upstream
from wca.errors import TaskSynchronizationException
from wca.nodes.container_client.unix_socket import answer_to_ping, connect

_PRIVATE = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
#: Folders of its own that lie over the system's, and stay when the daemon is started again.
_OWN = ("run", "opt")
_START = 'for each in run opt; do mount --bind "$0/$each" /$each || exit; done; exec "$@"'
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass
class Daemon:
    """A process that can be ended, started again, and stopped for a while.

    Args:
        command: what to run.
        folder: everything of its own.
        ready: called until it returns without an error.
    """

    command: list
    folder: Path
    ready: object
    process: object = field(default=None, init=False)

    @property
    def log(self):
        return self.folder / "log"

    def start(self):
        guarded = ["setpriv", "--pdeathsig", "KILL", *_PRIVATE, _START, str(self.folder)]
        guarded += map(str, self.command)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(guarded, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self._is_ready():
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.05)

    def _is_ready(self):
        try:
            self.ready()
        except (grpc.RpcError, TaskSynchronizationException):
            return False
        return True

    def end(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


def processes(text):
    """Ids of the processes that have a text in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and text in (entry / "cmdline").read_text():
                found.append(int(entry.name))
    return found


@contextlib.contextmanager
def _own_folder():
    """A folder with a short name, for sockets; nothing that runs from it may be left."""
    need_root()
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        services.missing("a mount namespace needs the capability CAP_SYS_ADMIN")
    folder = Path(tempfile.mkdtemp(prefix="wca-", dir="/tmp"))
    for name in _OWN:
        (folder / name).mkdir()
    try:
        yield folder
    finally:
        deadline = time.monotonic() + 20
        while (left := processes(str(folder))) and time.monotonic() < deadline:
            time.sleep(0.1)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _remove_cgroups(cgroup_parent(folder))
        shutil.rmtree(folder, ignore_errors=True)
        assert left == [], f"{left} still run from {folder}"
        assert str(folder) not in Path("/proc/self/mountinfo").read_text()


def cgroup_parent(folder):
    """Of all containers."""
    return f"/{folder.name}"


def _remove_cgroups(parent):
    """With what still runs in them, which a test that failed may have left."""
    for top in [_CGROUPS, *_CGROUPS.iterdir()]:
        for folder, _, _ in os.walk(f"{top}{parent}", topdown=False):
            for pid in Path(folder, "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
            remove_group(folder)


_CONTAINERD = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true  # a negative one needs a capability that is not always there
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{folder}/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
"""


class Containerd:
    """A running containerd and what a kubelet would do with it."""

    def __init__(self, folder, daemon, ask):
        self.folder = folder
        self.daemon = daemon
        self.socket = str(folder / "containerd.sock")
        self.ask = ask
        self._pods = {}

    def pod(self, name, namespace="shop", **labels):
        """Run a pod; what it is known by to ``container``."""
        config = {
            "metadata": {"name": name, "uid": f"uid-of-{name}", "namespace": namespace},
            "labels": labels,
            "log_directory": str(self.folder / "logs"),
            "linux": {
                "cgroup_parent": cgroup_parent(self.folder),
                "security_context": {"namespace_options": {"network": "NODE"}},
            },
        }
        pod = self.ask("RunPodSandbox", config=config).pod_sandbox_id
        self._pods[pod] = config
        return pod

    def container(self, pod, name, *words, labels=None, **resources):
        """Run a container; its id."""
        config = {
            "metadata": {"name": name},
            "image": {"image": image.BOX},
            "args": words,
            "labels": labels or {},
            "log_path": f"{name}.log",
            "linux": {"resources": resources},
        }
        made = self.ask(
            "CreateContainer", pod_sandbox_id=pod, config=config, sandbox_config=self._pods[pod]
        )
        self.ask("StartContainer", container_id=made.container_id)
        return made.container_id

    def stop(self, container):
        self.ask("StopContainer", container_id=container, timeout=5)

    def remove_all(self):
        for pod in self.ask("ListPodSandbox").items:
            self.ask("StopPodSandbox", pod_sandbox_id=pod.id)
            self.ask("RemovePodSandbox", pod_sandbox_id=pod.id)
        self._pods.clear()


@contextlib.contextmanager
def containerd():
    """A ``Containerd`` with the images."""
    program = services.program("containerd", package="containerd")
    services.program("runc", package="runc")
    with _own_folder() as folder:
        tar = image.build(folder)
        config = folder / "config.toml"
        config.write_text(_CONTAINERD.format(folder=folder, pause=image.PAUSE))
        ask = upstream.Runtime(folder / "containerd.sock")

        def ready():
            connect(str(folder / "containerd.sock"), 20).close()
            ask("ListPodSandbox")  # which it answers later than others

        daemon = Daemon([program, "--config", config], folder, ready)
        try:
            daemon.start()
            load = [
                services.program("ctr", package="containerd"),
                "--address",
                folder / "containerd.sock",
                "--namespace",
                "k8s.io",
            ]
            load += ["images", "import", "--snapshotter", "native", tar]
            subprocess.run(load, check=True, capture_output=True)
            running = Containerd(folder, daemon, ask)
            try:
                yield running
            finally:
                running.remove_all()
        finally:
            ask.close()
            daemon.end()


class Docker:
    """A running dockerd."""

    def __init__(self, folder, daemon):
        self.folder = folder
        self.daemon = daemon
        self.socket = str(folder / "docker.sock")
        self.client = docker.DockerClient(f"unix://{self.socket}", version="auto", timeout=60)

    def container(self, name, *words, network="none", **options):
        """Run a container; its id."""
        return self.client.containers.run(
            image.BOX, list(words), name=name, network_mode=network, detach=True, **options
        ).id

    def stop(self, container):
        self.client.containers.get(container).stop(timeout=5)

    def remove_all(self):
        for one in self.client.containers.list(all=True):
            one.remove(force=True)


@contextlib.contextmanager
def dockerd():
    """A ``Docker`` with the images."""
    program = services.program("dockerd", package="docker.io")
    with _own_folder() as folder:
        tar = image.build(folder)
        settings = {
            "hosts": [f"unix://{folder}/docker.sock"],
            "data-root": f"{folder}/data",
            "exec-root": f"{folder}/exec",
            "pidfile": f"{folder}/pid",
            "deprecated-key-path": f"{folder}/key.json",
            "iptables": False,
            "ip6tables": False,
            "ip-forward": False,
            "bridge": "none",
            "storage-driver": "vfs",
            "oom-score-adjust": 0,
            "cgroup-parent": cgroup_parent(folder),
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
        }
        config = folder / "daemon.json"
        config.write_text(json.dumps(settings))

        def ready():
            answer_to_ping(f"{folder}/docker.sock", 20)

        daemon = Daemon([program, "--config-file", config], folder, ready)
        try:
            daemon.start()
            running = Docker(folder, daemon)
            try:
                running.client.images.load(tar.read_bytes())
                yield running
            finally:
                with contextlib.suppress(requests.ConnectionError):
                    running.remove_all()
                running.client.close()
        finally:
            daemon.end()
