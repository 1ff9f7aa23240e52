"""A CRI server that answers what a test tells it to, in the messages of upstream's api.proto."""

import contextlib
import gc
import json
import threading
from concurrent import futures
from types import SimpleNamespace

import grpc

from tests.nodes.containers import upstream

RUNNING, EXITED = 1, 2
_THREADS = 8


class FakeCri:
    """Listens at a socket while it is entered.

    Args:
        path: of the socket.
        service: as which it is there.
    """

    def __init__(self, path, service=upstream.SERVICE):
        self.path = str(path)
        self.containers, self.pods, self.statuses = {}, {}, {}
        self.errors = {}  # by method, or by id of a container: (code, words)
        self.bodies = {}  # by method, or by id of a container: bytes instead of the answer
        self.filters = True  # whether it lists what was asked for only
        self.calls = []
        self._service = service
        self._go = threading.Event()
        self._go.set()
        self._server = self._threads = None

    def add(self, container_id, pid=None, *, pod=None, info=None, status=None, **listed):
        """A running container.

        Args:
            container_id: its id.
            pid: for ``info`` in the form of containerd.
            pod: id of its pod.
            info: the map ``info`` of its status.
            status: fields of its status.
            listed: fields of its entry in the list.
        """
        self.containers[container_id] = {
            "id": container_id,
            "state": RUNNING,
            "pod_sandbox_id": pod or "",
            **listed,
        }
        told = {"info": json.dumps({"pid": pid, "runtimeSpec": {}})} if info is None else info
        self.statuses[container_id] = (
            {"id": container_id, "state": RUNNING, **(status or {})},
            told,
        )

    def remove(self, container_id):
        del self.containers[container_id], self.statuses[container_id]

    def asked(self):
        """The methods that were called since the last time, in order."""
        calls, self.calls = self.calls, []
        return calls

    @contextlib.contextmanager
    def hanging(self):
        """It takes questions and does not answer."""
        self._go.clear()
        try:
            yield
        finally:
            self._go.set()

    def start(self):
        self._threads = futures.ThreadPoolExecutor(_THREADS)
        everybody = threading.Barrier(_THREADS)  # or they would start one after the other
        list(self._threads.map(lambda _: everybody.wait(60), range(_THREADS)))
        self._server = grpc.server(self._threads)
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._handler(name, answer), question.FromString, lambda body: body
            )
            for name, question, answer in upstream.methods()
        }
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(self._service, handlers)]
        )
        self._server.add_insecure_port(f"unix:{self.path}")
        self._server.start()

    def stop(self):
        self._go.set()
        self._server.stop(0).wait(60)
        self._threads.shutdown()
        self._server = self._threads = None
        gc.collect()  # it lets go of its descriptors then

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def _handler(self, name, answer):
        def handle(question, context):
            self.calls.append(name)
            self._go.wait(60)
            key = getattr(question, "container_id", "")
            for at in (name, key):
                if at in self.errors:
                    context.abort(*self.errors[at])
                if at in self.bodies:
                    return self.bodies[at]
            return answer(**getattr(self, f"_{name}")(question, context)).SerializeToString()

        return handle

    def _ListContainers(self, question, context):
        assert question.filter.state.state == RUNNING
        wanted = RUNNING if self.filters else None
        entries = self.containers.values()
        return {"containers": [one for one in entries if wanted in (None, one["state"])]}

    def _ListPodSandbox(self, question, context):
        return {"items": [{"id": pod, **fields} for pod, fields in self.pods.items()]}

    def _ContainerStatus(self, question, context):
        if question.container_id not in self.statuses:
            context.abort(grpc.StatusCode.NOT_FOUND, "container not found")
        status, info = self.statuses[question.container_id]
        return {"status": status, "info": info if question.verbose else {}}


def crio_info(pid, cgroups_path, **resources):
    """``info`` as CRI-O writes it."""
    spec = {"ociVersion": "1.1.0", "linux": {"cgroupsPath": cgroups_path, "resources": resources}}
    info = {"sandboxID": "s", "pid": pid, "runtimeSpec": spec, "privileged": False}
    return {"info": json.dumps(info)}


#: What the kubelet makes of a pod ``shop/web`` with an application's own labels.
POD = SimpleNamespace(
    metadata={"name": "web", "namespace": "shop", "uid": "u-1"},
    labels={
        "app.kubernetes.io/name": "web",
        "io.kubernetes.pod.name": "web",
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": "u-1",
    },
)
