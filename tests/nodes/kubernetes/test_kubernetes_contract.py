"""What every node must do, of the one for Kubernetes: from the kubelet, by lists, by a watch."""

import pytest

from tests.nodes.kubernetes.layout import make
from tests.nodes.kubernetes.pods import NODE, changed, pod
from tests.nodes.kubernetes.servers import TOKEN, ApiServerDouble, KubeletServer
from wca.nodes.kubernetes import KubernetesNode
from wca.testing import KernelTree, NodeContract


class Contract(NodeContract):
    server_class = ApiServerDouble

    @pytest.fixture(autouse=True)
    def cluster(self, certificates, tmp_path):
        self.tree = KernelTree(tmp_path / "kernel", "v2")
        self.token = tmp_path / "token"
        self.token.write_text(f"{TOKEN}\n")
        self.ca = certificates.ca
        with self.server_class(certificates) as self.server:
            for name in ("web", "db"):
                document = pod(name)
                make(self.tree.add_task, document)
                self.server.pods.append(document)
            self.prepare()
            yield

    def prepare(self):
        pass

    def node(self):
        return KubernetesNode(
            client_token_path=str(self.token),
            server_cert_ca_path=self.ca,
            timeout=0.5,
            kernel=self.tree.kernel,
            **self.place(),
        )

    def place(self):
        port = self.server.port
        return {"kubeapi_host": "127.0.0.1", "kubeapi_port": port, "node_name": NODE}

    def away(self):
        return self.server.away()

    def malformed(self):
        odd = pod("odd")
        return self.server.adding(
            7, {}, changed(odd, "metadata", "uid", to=7), changed(odd, "status", to=[])
        )


class TestWatching(Contract):
    pass


class TestListing(Contract):
    def prepare(self):
        self.server.forbidden.add(("watch", "default"))


class TestKubelet(Contract):
    server_class = KubeletServer

    def place(self):
        return {"kubelet_enabled": True, "kubelet_endpoint": self.server.url}


del Contract  # it is no suite of its own
