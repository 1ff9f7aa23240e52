"""Which socket, and what is spoken there; what is in the way is one sentence."""

import contextlib
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from tests.cgroup_fixtures import need_root
from wca.clock import SystemClock
from wca.errors import TaskSynchronizationException, ValidationError
from wca.nodes import ContainerNode
from wca.nodes.container_client.opening import Api, api_of_path, open_client
from wca.nodes.container_client.unix_socket import path_of_socket


def reason(path, api=None, timeout=5):
    with pytest.raises(TaskSynchronizationException) as caught:
        open_client(str(path), api, timeout, SystemClock())
    return str(caught.value)


@pytest.mark.parametrize("text", ["/run/docker.sock", "unix:///run/docker.sock"])
def test_a_socket_is_a_path_or_a_url(text):
    assert path_of_socket(text) == "/run/docker.sock"


@pytest.mark.parametrize(
    "text",
    [
        "tcp://127.0.0.1:2375",
        "http://host/docker",
        "npipe:////./pipe/docker",
        "unix://run/docker.sock",
        "unix://[x",
        "unix://",
        "127.0.0.1:2375",
        "docker.sock",
        "",
        "/run/a\0b",
    ],
)
def test_anything_else_is_refused_when_the_node_is_made(text):
    with pytest.raises(ValidationError) as caught:
        ContainerNode(text)
    assert str(caught.value) == (
        "socket is the path of a socket of this machine, such as /run/containerd/containerd.sock "
        f"or unix:///run/docker.sock, got {text!r}; "
        "containers of another machine cannot be measured here"
    )


@pytest.mark.parametrize("path", ["/" + "x" * 107, "/" + "ü" * 54])
def test_a_path_that_is_too_long_for_the_kernel_is_refused(path):
    with pytest.raises(ValidationError, match="the path of a socket has at most 107 bytes"):
        ContainerNode(path)
    ContainerNode(path[:-1])


@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/run/containerd/containerd.sock", Api.CRI),
        ("/run/k3s/containerd/containerd.sock", Api.CRI),
        ("/run/crio/crio.sock", Api.CRI),
        ("/run/cri-dockerd.sock", Api.CRI),
        ("/var/run/docker.sock", Api.DOCKER),
        ("/run/podman/podman.sock", Api.DOCKER),
        ("/run/docker/engine", None),
    ],
)
def test_the_name_of_a_socket_tells_what_is_spoken(path, api):
    assert api_of_path(path) is api


class TestObstacles:
    @pytest.mark.parametrize("api", list(Api))
    def test_there_is_no_socket(self, folder, api):
        path = folder / "s"
        for one in (path, path / "below"):
            assert reason(one, api) == (
                f"there is no socket {one}: the container runtime is not running, or has another one"
            )

    @pytest.mark.parametrize("api", list(Api))
    def test_nobody_listens_any_more(self, folder, api):
        path = folder / "s"
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
        assert (
            reason(path, api) == f"nobody listens at {path}: the container runtime is not running"
        )

    @pytest.mark.parametrize("api", list(Api))
    def test_it_is_no_socket(self, folder, api):
        path = folder / "s"
        path.write_text("")
        for one in (path, folder):
            assert reason(one, api) == (
                f"{one} is not a socket: write the path of the container runtime's"
            )

    def test_the_user_may_not(self, folder):
        need_root()
        path = folder / "s"
        script = """
            import os, sys
            from wca.clock import SystemClock
            from wca.nodes.container_client.opening import open_client
            os.setgid(65534), os.setuid(65534)
            try:
                open_client(sys.argv[1], "docker", 5, SystemClock())
            except Exception as error:
                print(error)
        """
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
            path.chmod(0o600)
            folder.chmod(0o755)
            bound.listen()
            command = [sys.executable, "-c", textwrap.dedent(script), path]
            told = subprocess.run(command, capture_output=True, text=True, check=True)
        assert told.stdout == (
            f"this user may not use the socket {path}: run the agent as root, or as a member of "
            "the socket's group\n"
        )

    def test_nobody_takes_connections(self, folder):
        path = folder / "s"
        with socket.socket(socket.AF_UNIX) as bound, socket.socket(socket.AF_UNIX) as first:
            bound.bind(str(path))
            bound.listen(0)
            first.connect(str(path))
            assert reason(path, Api.CRI, 0.2) == (
                f"nobody accepts connections at {path}: the container runtime hangs"
            )

    def test_nobody_answers(self, folder):
        path = folder / "s"
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
            bound.listen()
            assert reason(path, None, 0.2) == f"no answer at {path} in time"

    def test_an_answer_that_does_not_end_is_not_waited_for(self, folder):
        path = folder / "s"
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
            bound.listen()

            def drip():
                connection, _ = bound.accept()
                with connection, contextlib.suppress(OSError):
                    for byte in b"HTTP/1.1 200 OK\r\nServer: " + b"x" * 4000:
                        connection.send(bytes([byte]))
                        time.sleep(0.05)

            thread = threading.Thread(target=drip)
            thread.start()
            begin = time.monotonic()
            assert reason(path, None, 1) == f"no answer at {path} in time"
            assert time.monotonic() - begin < 40
            thread.join(60)


class TestUnnamed:
    """Where neither the configuration nor the name tells, the answer does."""

    def test_docker(self, docker, folder):
        os.symlink(docker.path, folder / "engine")
        client = open_client(f"{folder}/engine", None, 20, SystemClock())
        assert type(client).__name__ == "DockerClient"
        client.close()

    def test_cri(self, cri, folder):
        os.symlink(cri.path, folder / "engine")
        client = open_client(f"{folder}/engine", None, 20, SystemClock())
        assert type(client).__name__ == "CriClient"
        client.close()


def test_a_connection_that_is_made_while_the_node_is_closed_is_closed(cri, monkeypatch):
    node = ContainerNode(cri.path)
    opened = []

    def opening(*args):
        opened.append(open_client(*args))
        node.close()
        return opened[-1]

    monkeypatch.setattr("wca.nodes.container.open_client", opening)
    with pytest.raises(TaskSynchronizationException, match="has not answered yet"):
        node.get_tasks()
    with pytest.raises(TaskSynchronizationException, match="closed"):
        opened[0].containers(5)


class TestPackages:
    CRI = (
        "ContainerNode needs the Python packages grpcio and protobuf to speak to containerd or "
        "CRI-O: run pip install 'wca[cri]'"
    )
    DOCKER = (
        "ContainerNode needs the Python package docker to speak to Docker: "
        "run pip install 'wca[docker]'"
    )

    @pytest.fixture
    def without(self, monkeypatch):
        def without(package, module):
            for name in list(sys.modules):
                if name.partition(".")[0] == package or name.endswith(f"container_client.{module}"):
                    monkeypatch.delitem(sys.modules, name)
            monkeypatch.setitem(sys.modules, package, None)
            monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

        return without

    def test_a_missing_package_is_said_with_what_to_install(self, without, cri, docker):
        without("docker", "docker")
        assert ContainerNode(docker.path).check() == [self.DOCKER]
        assert reason(docker.path) == self.DOCKER
        without("grpc", "cri")
        assert ContainerNode(cri.path).check() == [self.CRI]
        assert reason(cri.path) == self.CRI

    def test_an_old_protobuf_is_said_with_what_to_install(self, cri, monkeypatch):
        from google.protobuf import runtime_version

        name = "wca.nodes.container_client.cri"
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.delitem(sys.modules, f"{name}_pb2", raising=False)
        monkeypatch.delattr("wca.nodes.container_client.cri_pb2", raising=False)
        monkeypatch.setattr(runtime_version, "MAJOR", 6)
        told = reason(cri.path)
        assert told.startswith(f"{self.CRI} (Detected incompatible Protobuf")

    @pytest.mark.parametrize("path", ["/run/containerd/containerd.sock", "/run/docker.sock", "/x"])
    def test_where_they_are_installed_there_is_nothing_to_say(self, path):
        assert ContainerNode(path).check() == []

    def test_a_configuration_is_checked_without_them(self, tmp_path):
        config = tmp_path / "config.yaml"
        config.write_text(
            "runner: !MeasurementRunner\n  node: !ContainerNode\n    socket: /run/x\n"
        )
        script = (
            "import sys, wca.main; "
            f"code = wca.main.main(['check', '-c', {str(config)!r}]); "
            "print([name for name in ('grpc', 'google', 'docker', 'requests') if name in sys.modules]); "
            "sys.exit(code)"
        )
        command = [sys.executable, "-c", script]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stdout + told.stderr
        assert told.stdout.splitlines()[-1] == "[]"
