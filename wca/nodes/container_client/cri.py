"""Containers of containerd, CRI-O and whatever else speaks Kubernetes' Container Runtime Interface.

Imports grpc and protobuf: to be imported when it is used.

Source: api.proto of k8s.io/cri-api, version v1; ``info`` of ContainerStatusResponse in containerd
and CRI-O.
"""

import re
import time
from typing import TypeVar
from urllib.parse import quote

import grpc
from google.protobuf.message import DecodeError, Message

from wca.errors import NotAvailable, TargetGone, TaskSynchronizationException
from wca.nodes.container_client import cri_pb2
from wca.nodes.container_client.api import ContainerClient, Details, Listed
from wca.nodes.container_client.cri_info import read_info
from wca.nodes.container_client.cri_pods import Pod, name_of, with_pod

__all__ = ["CriClient"]

_Answer = TypeVar("_Answer", bound=Message)

_SERVICE = "/runtime.v1.RuntimeService"
#: Bytes of an answer; a container is about one KB of a list, and 20 KB when it is asked for alone.
_MOST = 64 << 20
_OPTIONS = (
    ("grpc.max_receive_message_length", _MOST),
    ("grpc.default_authority", "localhost"),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    # A channel that is opened anew after a failure is not to wait because of the one before.
    ("grpc.use_local_subchannel_pool", 1),
)
#: What a runtime says where it has nothing to say of one container, but works otherwise.
_OF_ONE = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.DATA_LOSS,
}
#: In gRPC's words for a server of HTTP/1.
_OTHER_PROTOCOL = re.compile(r"http1|HTTP/2")
#: In its words, which say the rest at length, for a connection that cannot be made.
_NO_CONNECTION = "failed to connect"


class CriClient(ContainerClient):
    """Asks a runtime through gRPC.

    Args:
        path: of the socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._channel = grpc.insecure_channel(f"unix:{quote(path)}", options=_OPTIONS)
        self._pods: dict[str, Pod] = {}

    def containers(self, timeout: float) -> tuple[list[Listed], dict[str, str]]:
        """See ``ContainerClient``."""
        end = time.monotonic() + timeout
        running = cri_pb2.ContainerStateValue(state=cri_pb2.CONTAINER_RUNNING)
        question = cri_pb2.ListContainersRequest(filter=cri_pb2.ContainerFilter(state=running))
        answer = self._ask("ListContainers", question, cri_pb2.ListContainersResponse, timeout)
        entries = [one for one in answer.containers if one.state == cri_pb2.CONTAINER_RUNNING]
        self._look_up_pods({one.pod_sandbox_id for one in entries}, end - time.monotonic())
        found, refused = [], {}
        for number, one in enumerate(entries, 1):
            if one.id:
                found.append(self._listed(one))
            else:
                refused[f"entry {number} of the runtime's list"] = "it has no id"
        return found, refused

    def details(self, container: Listed, timeout: float) -> Details:
        """See ``ContainerClient``."""
        question = cri_pb2.ContainerStatusRequest(container_id=container.container_id, verbose=True)
        kind = cri_pb2.ContainerStatusResponse
        answer = self._ask("ContainerStatus", question, kind, timeout, of_one=True)
        if not answer.HasField("status"):
            raise NotAvailable("the runtime's answer has no status of it")
        status = answer.status
        if status.state != cri_pb2.CONTAINER_RUNNING:
            raise TargetGone(f"container {container.container_id} does not run")
        info = read_info(answer.info)
        image = status.image.image or status.image_ref
        return Details(
            pid=info.pid,
            cgroup_paths=info.cgroup_paths,
            image=container.image if _is_name(container.image) else image,
            resources=info.resources(status.resources.linux),
        )

    def close(self) -> None:
        """See ``ContainerClient``."""
        self._channel.close()

    def _listed(self, container: cri_pb2.Container) -> Listed:
        pod = self._pods[container.pod_sandbox_id]
        return Listed(
            container_id=container.id,
            name=name_of(container, pod),
            image=container.image.user_specified_image or container.image.image,
            labels=with_pod(container, pod),
        )

    def _look_up_pods(self, ids: set[str], timeout: float) -> None:
        """Know the pods of these ids; that asks only when there is a new one."""
        if not ids <= self._pods.keys():
            kind = cri_pb2.ListPodSandboxResponse
            question = cri_pb2.ListPodSandboxRequest()
            answer = self._ask("ListPodSandbox", question, kind, max(timeout, 0.0))
            for item in answer.items:
                self._pods.setdefault(item.id, Pod.of(item))
        # One that is not listed has just ended: no need to ask for it again.
        self._pods = {one: self._pods.get(one, Pod()) for one in ids}

    def _ask(
        self,
        method: str,
        question: Message,
        kind: type[_Answer],
        timeout: float,
        *,
        of_one: bool = False,
    ) -> _Answer:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(
            f"{_SERVICE}/{method}"
        )
        try:
            return kind.FromString(call(question.SerializeToString(), timeout=timeout))
        except grpc.RpcError as error:
            reason = self._reason(error)
            if of_one and error.code() is grpc.StatusCode.NOT_FOUND:
                raise TargetGone(reason) from None
            if of_one and error.code() in _OF_ONE:
                raise NotAvailable(reason) from None
            raise TaskSynchronizationException(reason) from None
        except DecodeError:
            raise (NotAvailable if of_one else TaskSynchronizationException)(
                f"{self._path} has answered {method} with something that is no message of the CRI"
            ) from None
        except ValueError:  # so it says that the channel is closed
            raise TaskSynchronizationException(f"{self._path}: closed") from None

    def _reason(self, error: grpc.RpcError) -> str:
        code, words = error.code(), " ".join((error.details() or "").split())
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return (
                f"{self._path} does not speak version v1 of the CRI ({words}): update the runtime "
                "if it knows v1alpha2 only (containerd before 1.6, CRI-O before 1.20), or take "
                "cri out of disabled_plugins in containerd's configuration"
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"no answer at {self._path} in time"
        if code is grpc.StatusCode.UNAVAILABLE and _OTHER_PROTOCOL.search(words):
            return f"{self._path} does not speak gRPC: for Docker's API write api: docker"
        if code is grpc.StatusCode.UNAVAILABLE and words.startswith(_NO_CONNECTION):
            return f"nobody listens at {self._path}: the container runtime is not running"
        return f"{self._path}: {code.name}: {words}"


def _is_name(image: str) -> bool:
    """Whether it is not only a digest: containerd's list has what the kubelet asked for."""
    return bool(image) and not image.startswith("sha256:")
