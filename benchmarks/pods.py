"""A kubelet and a kube-apiserver in one, which list the same pods again and again.

``python -m benchmarks.pods FOLDER PODS`` serves them with the certificate of the folder and prints
its port. A watch says nothing but a bookmark now and then, as when nothing happens.
"""

import http.server
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["NODE", "certificate", "cgroup_folders"]

NODE = "node-1"
#: Seconds between two bookmarks; those of a kube-apiserver come once a minute.
_BOOKMARKS = 10.0


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    path = folder / "server.pem"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-subj", "/CN=benchmark"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", path]
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", *names, *key]
    made = subprocess.run([*command, "-out", "-"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + made.stdout)
    return path


def cgroup_folders(pods: int) -> Iterator[str]:
    """The cgroups of the pods and of their two containers, as a kubelet with systemd makes them."""
    top = "/kubepods.slice/kubepods-burstable.slice"
    for number in range(pods):
        pod = f"{top}/kubepods-burstable-pod{_uid(number).replace('-', '_')}.slice"
        yield from (f"{pod}/cri-containerd-{_container(number, which)}.scope" for which in "ab")


def _uid(number: int) -> str:
    return f"0a1b2c3d-0000-4000-8000-{number:012d}"


def _container(number: int, which: str) -> str:
    return f"{which}{number:063d}"


def _pod(number: int) -> dict[str, object]:
    """A pod of a deployment as a kube-apiserver gives it, with what we have no use for."""
    labels = {
        "app.kubernetes.io/name": f"shop-{number % 50}",
        "app.kubernetes.io/part-of": "shop",
        "pod-template-hash": "6b474476c4",
    }
    fields = {f"f:{name}": {".": {}, "f:value": {}} for name in map(str, range(60))}
    managed = [
        {"manager": name, "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:spec": fields}}
        for name in ("kube-controller-manager", "kubelet")
    ]
    resources = {
        "requests": {"cpu": "250m", "memory": "64Mi"},
        "limits": {"cpu": "500m", "memory": "128Mi"},
    }
    containers = [
        {
            "name": name,
            "image": f"registry.example/{name}:1.2.3",
            "resources": resources,
            "env": [{"name": f"VARIABLE_{n}", "value": "value " * 4} for n in range(12)],
            "volumeMounts": [{"name": f"volume-{n}", "mountPath": f"/mnt/{n}"} for n in range(4)],
        }
        for name in ("web", "log")
    ]
    statuses = [
        {
            "name": name,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
            "lastState": {},
            "ready": True,
            "restartCount": 0,
            "image": f"registry.example/{name}:1.2.3",
            "imageID": f"registry.example/{name}@sha256:{'0' * 64}",
            "containerID": f"containerd://{_container(number, which)}",
            "allocatedResources": resources["requests"],
            "resources": resources,
        }
        for name, which in (("web", "a"), ("log", "b"))
    ]
    conditions = [
        {"type": name, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        for name in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    return {
        "metadata": {
            "name": f"shop-{number % 50}-6b474476c4-{number:05d}",
            "namespace": f"team-{number % 7}",
            "uid": _uid(number),
            "resourceVersion": str(1000 + number),
            "labels": labels,
            "managedFields": managed,
        },
        "spec": {"containers": containers, "nodeName": NODE, "schedulerName": "default-scheduler"},
        "status": {
            "phase": "Running",
            "qosClass": "Burstable",
            "conditions": conditions,
            "hostIP": "192.0.2.1",
            "podIP": "192.0.2.2",
            "containerStatuses": statuses,
        },
    }


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    body = b""

    def do_GET(self) -> None:
        if "watch=1" in self.path:
            self._watch()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def _watch(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        metadata = {"resourceVersion": "10000", "creationTimestamp": None}
        event = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": metadata}}
        line = json.dumps(event).encode() + b"\n"
        while True:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            time.sleep(_BOOKMARKS)

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A watch that is over."""


def _serve(folder: Path, pods: int) -> None:
    items = [_pod(number) for number in range(pods)]
    document = {"kind": "PodList", "metadata": {"resourceVersion": "9999"}, "items": items}
    _Handler.body = json.dumps(document, separators=(",", ":")).encode()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.pem")
    server = _Server(("127.0.0.1", 0), _Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    print(server.server_port, len(_Handler.body), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
