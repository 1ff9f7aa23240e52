"""Fake runtimes, and the real ones, started once for a module."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.nodes.containers import runtimes
from tests.nodes.containers.fake_cri import FakeCri
from tests.nodes.containers.fake_docker import FakeDocker
from wca.nodes import ContainerNode
from wca.testing.kernel import KernelTree


@pytest.fixture
def folder():
    """A folder whose name is short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="wca-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


class Tree(KernelTree):
    """With processes."""

    def add_process(self, pid, path):
        """A process in a cgroup of its own."""
        self.add_task(path, pids=(pid,))
        self.move_process(pid, path)

    def move_process(self, pid, path):
        """A process in a cgroup that may be there or not."""
        names = [""] if self.layout == "v2" else [*self.groups(path).keys() - {"v2"}, ""]
        lines = [f"{number}:{name}:{path}\n" for number, name in enumerate(names)]
        self.write(f"/proc/{pid}/cgroup", "".join(lines))


@pytest.fixture
def tree(tmp_path, request):
    tree = Tree(tmp_path, getattr(request, "param", "v1_apart"))
    yield tree
    tree.kernel.close()


@pytest.fixture
def cri(folder):
    with FakeCri(folder / "cri.sock") as server:
        yield server


@pytest.fixture
def docker(folder):
    with FakeDocker(folder / "docker.sock") as server:
        yield server


@pytest.fixture
def node(tree):
    """Makes nodes that read the tree and are closed afterwards."""
    made = []

    def make(server, **options):
        options.setdefault("timeout", 20)
        made.append(ContainerNode(getattr(server, "path", server), kernel=tree.kernel, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def containerd():
    with runtimes.containerd() as running:
        yield running


@pytest.fixture(scope="module")
def dockerd():
    with runtimes.dockerd() as running:
        yield running
