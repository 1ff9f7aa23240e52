"""The socket of a runtime on this machine: its path, whether somebody answers, and in what way."""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator

from wca.clock import SystemClock
from wca.errors import TaskSynchronizationException, ValidationError
from wca.http_client.deadline import Deadline

__all__ = ["answer_to_ping", "connect", "path_of_socket"]

#: Bytes of a path that the kernel takes (``sun_path``, man 7 unix), its final zero left out.
_LONGEST = 107
#: Bytes of an answer that are looked at.
_ENOUGH = 4096
_PING = b"GET /_ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_NO_SOCKET = "there is no socket {path}: the container runtime is not running, or has another one"
_SENTENCES = {
    errno.ENOENT: _NO_SOCKET,
    errno.ENOTDIR: _NO_SOCKET,
    errno.ECONNREFUSED: "nobody listens at {path}: the container runtime is not running",
    errno.EACCES: "this user may not use the socket {path}: run the agent as root, or as a member "
    "of the socket's group",
}


def path_of_socket(text: str) -> str:
    """The path of a socket that is given as a path or as a ``unix://`` URL.

    Raises:
        ValidationError: it is neither, or too long for the kernel.
    """
    path = text.removeprefix("unix://") if text.startswith("unix://") else text
    if not path.startswith("/") or "\0" in path:
        raise ValidationError(
            "socket is the path of a socket of this machine, such as "
            f"/run/containerd/containerd.sock or unix:///run/docker.sock, got {text!r}; "
            "containers of another machine cannot be measured here"
        )
    if len(os.fsencode(path)) > _LONGEST:
        raise ValidationError(f"the path of a socket has at most {_LONGEST} bytes, got {text!r}")
    return path


def connect(path: str, timeout: float) -> socket.socket:
    """Connect.

    Args:
        path: of the socket.
        timeout: seconds to wait; it is the timeout of the connection afterwards, too.

    Raises:
        TaskSynchronizationException: it cannot be done.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(timeout)
        connection.connect(path)
    except OSError as error:
        connection.close()
        raise TaskSynchronizationException(_reason(path, error)) from None
    return connection


def answer_to_ping(path: str, timeout: float) -> bytes:
    """The begin of what is answered to Docker's ``GET /_ping``, or said without being asked.

    A gRPC server begins with a frame of HTTP/2, or ends the connection.

    Raises:
        TaskSynchronizationException: there is no connection, or no answer in time.
    """
    deadline = Deadline(SystemClock())
    deadline.begin(timeout)
    with connect(path, timeout) as connection:
        answer = b""
        try:
            connection.sendall(_PING)
            for piece in _pieces(connection, deadline):
                answer += piece
                if b"\r\n\r\n" in answer or not b"HTTP/1.".startswith(answer[:7]):
                    break
        except TimeoutError:
            raise TaskSynchronizationException(f"no answer at {path} in time") from None
        except OSError:  # it has hung up, which is an answer as well
            return answer
        return answer


def _pieces(connection: socket.socket, deadline: Deadline) -> Iterator[bytes]:
    for _ in range(_ENOUGH):
        connection.settimeout(deadline.left)
        piece = connection.recv(_ENOUGH)
        if not piece:
            return
        yield piece


def _reason(path: str, error: OSError) -> str:
    if isinstance(error, TimeoutError) or error.errno == errno.EAGAIN:  # its queue is full
        return f"nobody accepts connections at {path}: the container runtime hangs"
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return f"{path} is not a socket: write the path of the container runtime's"
    sentence = _SENTENCES.get(error.errno or 0)
    return sentence.format(path=path) if sentence else f"{path}: {error.strerror}"
