"""Servers, a kernel, a token, and nodes of these."""

import pytest

from tests.nodes.kubernetes.layout import make
from tests.nodes.kubernetes.pods import NODE
from tests.nodes.kubernetes.servers import TOKEN, ApiServerDouble, KubeletServer
from wca.nodes.kubernetes import KubernetesNode
from wca.testing import KernelTree


@pytest.fixture
def tree(tmp_path):
    return KernelTree(tmp_path / "kernel", "v2")


@pytest.fixture
def token(tmp_path):
    """The file of a token; others write it anew."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
def kubelet(certificates):
    with KubeletServer(certificates) as server:
        yield server


@pytest.fixture
def apiserver(certificates):
    with ApiServerDouble(certificates) as server:
        yield server


@pytest.fixture
def run(tree):
    """Give pods to a server that run here: they have cgroups."""

    def run_pods(server, *documents, **options):
        for document in documents:
            make(tree.add_task, document, **options)
            server.put(document)

    return run_pods


@pytest.fixture
def node(certificates, token, tree):
    """Makes nodes that are closed at the end; ``kubelet`` or ``apiserver`` is whom they ask."""
    made = []

    def make_node(server=None, **fields):
        fields = {
            "client_token_path": str(token),
            "server_cert_ca_path": certificates.ca,
            "timeout": 5.0,
            "kernel": tree.kernel,
            **fields,
        }
        if isinstance(server, KubeletServer):
            fields = {"kubelet_enabled": True, "kubelet_endpoint": server.url, **fields}
        elif server is not None:
            place = {"kubeapi_host": "127.0.0.1", "kubeapi_port": server.port, "node_name": NODE}
            fields = {**place, **fields}
        made.append(KubernetesNode(**fields))
        return made[-1]

    yield make_node
    for one in made:
        one.close(10.0)
