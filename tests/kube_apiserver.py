"""A real kube-apiserver on loopback, built from its Go module, with Debian's etcd behind it.

As a context manager it is ended for certain, with whatever it has left::

    with kube_apiserver.start(tmp_path, certificates) as server:
        server.create("namespaces", {"metadata": {"name": "shop"}})
"""

import contextlib
import os
import subprocess
import time
from pathlib import Path

import requests

from tests import go_toolchain
from tests.services import free_port, program

ROOT = Path(__file__).parents[1]
MODULE = Path(__file__).parent / "kubernetes_apiserver"
#: Beside other servers that are built for tests; survives from run to run.
BUILT = ROOT / "build" / "kubernetes"
ADMIN = "token-of-the-administrator"
_SECONDS = 120


def start(folder, certificates):
    """Start a server and wait until it takes requests.

    Args:
        folder: for its data and logs.
        certificates: those of ``tests.certificates``.
    """
    etcd = program("etcd", package="etcd-server")
    server = KubeApiServer(Path(folder), etcd, built("kube-apiserver"), certificates)
    server.start()
    return server


def built(name):
    """The path of a program of the module, built where it is not there yet; takes minutes then."""
    package = {
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kustomize": "sigs.k8s.io/kustomize/kustomize/v5",
    }[name]
    # Without debugging symbols and C: the linker takes half of the time otherwise.
    return go_toolchain.built(MODULE, package, BUILT / name, "-ldflags=-s -w", CGO_ENABLED="0")


class KubeApiServer:
    """One server with its database; a context manager.

    Args:
        folder: see ``start``, here and below.
        etcd: path of the database's program.
        binary: path of the server's.
        certificates: its own and its authority.
    """

    def __init__(self, folder, etcd, binary, certificates):
        self.folder = folder
        self.etcd = etcd
        self.binary = binary
        self.certificates = certificates
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self._etcd_port, self._peer_port = free_port(), free_port()
        self._database = None
        self._process = None
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = certificates.ca
        self.session.headers["Authorization"] = f"Bearer {ADMIN}"

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        key = [
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            str(self.folder / "accounts.pem"),
        ]
        subprocess.run(["openssl", "ecparam", *key], check=True, capture_output=True)
        (self.folder / "tokens.csv").write_text(f"{ADMIN},admin,1,system:masters\n")
        client = f"http://127.0.0.1:{self._etcd_port}"
        peer = f"http://127.0.0.1:{self._peer_port}"
        self._database = self._run(
            self.etcd,
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )
        self.start_server()

    def start_server(self):
        """Start the server itself, before its database or after it was stopped alone."""
        certificates = self.certificates
        self._process = self._run(
            self.binary,
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=192.0.2.1",  # nobody is to find it
            f"--cert-dir={self.folder / 'certificates'}",
            f"--tls-cert-file={certificates.server_cert}",
            f"--tls-private-key-file={certificates.server_key}",
            f"--client-ca-file={certificates.ca}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder / 'accounts.pem'}",
            f"--service-account-signing-key-file={self.folder / 'accounts.pem'}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",  # nobody makes accounts here
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def stop_server(self):
        """End the server itself at once; its database goes on."""
        self._process.kill()
        self._process.wait(30)

    def close(self):
        for process in (self._process, self._database):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait(30)
        self.session.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def log(self):
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))

    def ask(self, method, path, token=None, **options):
        """A request; the answer whatever it is."""
        headers = options.pop("headers", {})
        if token is not None:
            headers = {**headers, "Authorization": f"Bearer {token}"}
        return self.session.request(
            method, f"{self.url}{path}", headers=headers, timeout=30, **options
        )

    def need(self, method, path, **options):
        """A request that must succeed; the document that comes back."""
        answer = self.ask(method, path, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:1000]}"
        return answer.json()

    def apply(self, document):
        """Create an object, or put it in the place of the one of its name; strictly checked."""
        group = document["apiVersion"]
        kinds = document["kind"].lower() + "s"
        path = f"/api/{group}" if "/" not in group else f"/apis/{group}"
        namespace = document["metadata"].get("namespace")
        if namespace is not None:
            path = f"{path}/namespaces/{namespace}"
        name = document["metadata"]["name"]
        return self.need(
            "PATCH",
            f"{path}/{kinds}/{name}?fieldManager=test&force=true&fieldValidation=Strict",
            json=document,
            headers={"Content-Type": "application/apply-patch+yaml"},
        )

    def token(self, account, namespace="wca"):
        """A token of a service account, as the kubelet asks for one."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return self.need("POST", path, json={"spec": {"expirationSeconds": 600}})["status"]["token"]

    def run_pod(self, document):
        """Create a pod, and its status as a kubelet would write it; what the server made of it."""
        namespace, name = document["metadata"]["namespace"], document["metadata"]["name"]
        wanted = {"apiVersion": "v1", "kind": "Pod", "spec": document["spec"]}
        metadata = {key: document["metadata"][key] for key in ("name", "labels", "annotations")}
        path = f"/api/v1/namespaces/{namespace}/pods"
        self.need("POST", path, json={**wanted, "metadata": metadata})
        return self.change(namespace, name, {"status": document["status"]}, part="/status")

    def change(self, namespace, name, patch, part=""):
        """Change a pod, or a part of it."""
        return self.need(
            "PATCH",
            f"/api/v1/namespaces/{namespace}/pods/{name}{part}",
            json=patch,
            headers={"Content-Type": "application/merge-patch+json"},
        )

    def delete_pod(self, namespace, name):
        """Delete a pod at once, as when it has ended."""
        self.need(
            "DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", json={"gracePeriodSeconds": 0}
        )

    def _run(self, program_path, *arguments):
        with (self.folder / f"{Path(program_path).name}.log").open("ab") as log:
            return subprocess.Popen(
                [str(program_path), *arguments],
                stdout=log,
                stderr=log,
                env={**os.environ, "GOMAXPROCS": "2"},
            )

    def _wait_until_ready(self):
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            for process in (self._database, self._process):
                assert process.poll() is None, f"it has ended: {self.log()[-3000:]}"
            with contextlib.suppress(requests.RequestException):
                if self.ask("GET", "/readyz").ok:
                    return
            time.sleep(0.2)
        raise AssertionError(f"it is not ready after {_SECONDS} s: {self.log()[-3000:]}")
