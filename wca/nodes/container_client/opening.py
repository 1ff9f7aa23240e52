"""A client for a socket: of the API that is configured, or of the one that is found there."""

import enum
import importlib.util
import os
import re
from typing import TYPE_CHECKING

from wca.errors import PLUGIN_ERRORS, TaskSynchronizationException
from wca.nodes.container_client.unix_socket import answer_to_ping, connect

if TYPE_CHECKING:
    from wca.clock import Clock
    from wca.nodes.container_client.api import ContainerClient

__all__ = ["Api", "api_of_path", "lack", "open_client"]

_VERSION = re.compile(rb"^api-version:\s*([0-9.]+)\s*$", re.IGNORECASE | re.MULTILINE)


class Api(enum.StrEnum):
    """How a container runtime is spoken to."""

    CRI = "cri"
    DOCKER = "docker"


_MODULES = {Api.CRI: ("grpc", "google.protobuf"), Api.DOCKER: ("docker",)}
_SENTENCES = {
    Api.CRI: "ContainerNode needs the Python packages grpcio and protobuf to speak to containerd "
    "or CRI-O: run pip install 'wca[cri]'",
    Api.DOCKER: "ContainerNode needs the Python package docker to speak to Docker: "
    "run pip install 'wca[docker]'",
}
#: Parts of the names that sockets have, in the order in which they are looked for.
_NAMES = (
    ("containerd", Api.CRI),
    ("cri", Api.CRI),
    ("docker", Api.DOCKER),
    ("podman", Api.DOCKER),
)


def api_of_path(path: str) -> Api | None:
    """What the name of a socket says; None: nothing."""
    name = os.path.basename(path)
    return next((api for part, api in _NAMES if part in name), None)


def lack(api: Api) -> str | None:
    """What is not installed for an API, in a sentence; None: nothing."""
    return None if all(map(_is_installed, _MODULES[api])) else _SENTENCES[api]


def open_client(path: str, api: Api | None, timeout: float, clock: "Clock") -> "ContainerClient":
    """A client of the runtime that listens at a socket.

    Args:
        path: of the socket.
        api: how to speak to it; None: as its name says, or else as it answers.
        timeout: seconds to wait for it.
        clock: time.

    Raises:
        TaskSynchronizationException: nobody listens, it speaks otherwise, or a package is missing.
    """
    api = api or api_of_path(path)
    if api is Api.CRI:
        connect(path, timeout).close()  # it says more clearly than gRPC why it cannot be done
        return _client_of_cri(path)
    answer = answer_to_ping(path, timeout)
    if api is None and not answer.startswith(b"HTTP/1."):
        return _client_of_cri(path)
    version = _VERSION.search(answer)
    if version is None:
        raise TaskSynchronizationException(
            f"{path} does not speak Docker's API: for containerd's or CRI-O's write api: cri"
        )
    return _client_of_docker(path, version[1].decode(), clock)


def _client_of_cri(path: str) -> "ContainerClient":
    try:
        from wca.nodes.container_client.cri import CriClient
    except PLUGIN_ERRORS as error:  # protobuf has an error of its own for an old version
        raise _unusable(Api.CRI, error) from None
    return CriClient(path)


def _client_of_docker(path: str, version: str, clock: "Clock") -> "ContainerClient":
    try:
        from wca.nodes.container_client.docker import DockerClient
    except PLUGIN_ERRORS as error:
        raise _unusable(Api.DOCKER, error) from None
    return DockerClient(path, version, clock)


def _unusable(api: Api, error: BaseException) -> TaskSynchronizationException:
    return TaskSynchronizationException(lack(api) or f"{_SENTENCES[api]} ({error})")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package that the module is in
        return False
