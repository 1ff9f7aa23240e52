"""The agent measures pods as an ordinary user, as the DaemonSet runs it."""

import os
import shutil

import pytest

from tests.nodes.kubernetes.layout import below, make
from tests.nodes.kubernetes.pods import pod
from tests.nodes.kubernetes.servers import TOKEN, KubeletServer

CONFIG = """
runner: !MeasurementRunner
  node: !KubernetesNode
    kubelet_enabled: true
    kubelet_endpoint: {url}
    client_token_path: {folder}/token
    server_cert_ca_path: {folder}/ca.pem
  granularity: both
  interval: 200ms
  metrics_storage: !LogStorage
    names: cadvisor
"""


@pytest.fixture
def folder(checkout, certificates):
    """A folder of the ordinary user's, with a token and a certificate."""
    path = os.path.join(checkout.folder, "pods")
    os.mkdir(path)
    shutil.copy(certificates.ca, os.path.join(path, "ca.pem"))
    with open(os.path.join(path, "token"), "w") as token:
        token.write(TOKEN)
    yield path
    shutil.rmtree(path)


def test_pods_and_containers_are_measured(checkout, folder, certificates, real_cgroups):
    document = pod("web")
    _, (inside,) = make(below(real_cgroups), document)
    real_cgroups.worker(real_cgroups.parent + inside).burn(0.2)
    with KubeletServer(certificates) as kubelet:
        kubelet.put(document)
        config = os.path.join(folder, "wca.yaml")
        with open(config, "w") as file:
            file.write(CONFIG.format(url=kubelet.url, folder=folder))
        checkout.shell(f"chmod -R a+rX {folder}", as_root=True)
        done = checkout.shell(f"id -u; ./dist/wca.pex -c {config} --iterations 2")
    assert done.returncode == 0, done.stderr
    user, _, text = done.stdout.partition("\n")
    assert user != "0"
    used = [line for line in text.splitlines() if line.startswith("container_cpu_usage_seconds")]
    of_pod = [line for line in used if 'pod="web"' in line]
    assert len([line for line in of_pod if 'container="main"' in line]) == 2, of_pod
    assert len([line for line in of_pod if "container=" not in line]) == 2
    assert 'image="registry.example/main:1"' in text
    assert "container_memory_working_set_bytes{" in text
