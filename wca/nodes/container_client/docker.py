"""Containers of Docker, and of what speaks its API.

Imports docker: to be imported when it is used.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

from wca.clock import Clock
from wca.errors import NotAvailable, TargetGone, TaskSynchronizationException
from wca.http_client.deadline import Deadline
from wca.http_client.unix import UnixAdapter
from wca.nodes.container_client.api import ContainerClient, Details, Listed
from wca.nodes.container_client.docker_answers import read_details, read_entry
from wca.nodes.container_client.unix_socket import connect

__all__ = ["DockerClient"]

#: The package's own connections are replaced: they know no deadline.
_ANYWHERE = "unix:///docker.sock"
#: Running in Docker's own sense: a container that is paused holds its memory.
_RUNNING = {"status": ["running", "paused"]}


class DockerClient(ContainerClient):
    """Asks Docker through the package docker.

    Args:
        path: of the socket.
        version: of the API, as the server has given it.
        clock: time.

    Raises:
        TaskSynchronizationException: it is a version that the package does not know.
    """

    def __init__(self, path: str, version: str, clock: Clock) -> None:
        self._path = path
        self._deadline = Deadline(clock)
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = False
        try:
            self._docker = docker.APIClient(_ANYWHERE, version=version)
        except DockerException as error:
            raise TaskSynchronizationException(f"{path}: {error}") from None
        self._docker.trust_env = False  # neither a proxy nor the passwords of .netrc
        self._docker.get_adapter(self._docker.base_url).close()
        self._docker.mount("http+docker://", UnixAdapter(self._deadline, self._connect))

    def containers(self, timeout: float) -> tuple[list[Listed], dict[str, str]]:
        """See ``ContainerClient``."""
        try:
            entries = self._ask(lambda: self._docker.containers(filters=_RUNNING), timeout)
        except APIError as error:
            raise TaskSynchronizationException(f"{self._path} refuses: {_words(error)}") from None
        except TimeoutError as error:
            raise TaskSynchronizationException(str(error)) from None
        if not isinstance(entries, list):
            raise TaskSynchronizationException(f"{self._path}: its list of containers is no list")
        found, refused = [], {}
        for number, entry in enumerate(entries, 1):
            try:
                found.append(read_entry(entry))
            except NotAvailable as error:
                refused[f"entry {number} of Docker's list"] = error.reason
        return found, refused

    def details(self, container: Listed, timeout: float) -> Details:
        """See ``ContainerClient``."""
        name = container.container_id
        try:
            answer = self._ask(lambda: self._docker.inspect_container(name), timeout)
        except NotFound:
            raise TargetGone(f"there is no container {name}") from None
        except APIError as error:
            raise NotAvailable(f"Docker cannot tell: {_words(error)}") from None
        except TimeoutError as error:  # one container that is stuck is not to hide the others
            raise NotAvailable(str(error)) from None
        return read_details(container, answer)

    def close(self) -> None:
        """See ``ContainerClient``."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                with contextlib.suppress(OSError):  # it may have been closed
                    self._socket.shutdown(socket.SHUT_RDWR)
                self._socket = None
        self._docker.close()

    def _connect(self) -> socket.socket:
        connection = connect(self._path, self._deadline.left)
        with self._lock:
            if self._closed:
                connection.close()
                raise TaskSynchronizationException(f"{self._path}: closed")
            self._socket = connection
        return connection

    def _ask(self, question: Callable[[], Any], timeout: float) -> Any:
        """The answer.

        Raises:
            APIError: Docker refuses one.
            TimeoutError: there is none in time.
            TaskSynchronizationException: there is none, or it is no JSON.
        """
        self._deadline.begin(timeout)
        try:
            return question()
        except APIError:
            raise
        except (requests.RequestException, DockerException, OSError, ValueError) as error:
            if self._is_over():  # urllib3 has its own errors for that, and requests others
                raise TimeoutError(f"no answer at {self._path} in time") from None
            raise TaskSynchronizationException(f"{self._path}: {error}") from None

    def _is_over(self) -> bool:
        try:
            return self._deadline.left <= 0
        except TimeoutError:
            return True


def _words(error: APIError) -> str:
    return " ".join(str(error.explanation or error).split())
