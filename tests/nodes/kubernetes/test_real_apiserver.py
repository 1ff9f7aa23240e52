"""A real kube-apiserver: what is shipped is accepted, and does what it is for and nothing else."""

import logging
import os
import subprocess
import time

import pytest
from ruamel.yaml import YAML

from tests import kube_apiserver
from tests.audit.test_why import decision
from tests.deploy import kubernetes_schemas
from tests.nodes.kubernetes.layout import make
from tests.nodes.kubernetes.pods import NODE, changed, container, pod, status
from wca.audit.kubernetes_events import KubernetesEvents
from wca.errors import TaskSynchronizationException
from wca.nodes.kubernetes import KubernetesNode
from wca.nodes.kubernetes_client.quantities import parse_quantity

#: The first run builds the server, which takes minutes where the CPUs are busy.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

DEPLOY = kube_apiserver.ROOT / "configs" / "deploy" / "kubernetes"
SECONDS = 60


def until(condition):
    """Wait until it holds; the machine may be busy."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it has not come to hold"
        time.sleep(0.05)


def names(node):
    return [task.name for task in node.get_tasks()]


def rendered(folder):
    """The objects that kustomize makes of a folder."""
    command = [kube_apiserver.built("kustomize"), "build", str(DEPLOY / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [dict(one) for one in YAML(typ="safe").load_all(done.stdout)]


@pytest.fixture(scope="module")
def server(tmp_path_factory, certificates):
    folder = tmp_path_factory.mktemp("kube-apiserver")
    with kube_apiserver.start(folder, certificates) as started:
        for one in rendered("base"):
            started.apply(one)
        yield started


@pytest.fixture
def namespace(server):
    """A namespace of the test's own."""
    made = server.need("POST", "/api/v1/namespaces", json={"metadata": {"generateName": "test-"}})
    return made["metadata"]["name"]


@pytest.fixture
def account(server, token):
    """Puts a token of the shipped service account where the node reads it."""
    token.write_text(server.token("wca"))
    return token


@pytest.fixture
def watcher(server, node, account, namespace):
    """Makes nodes that ask the server for the pods of the test's namespace."""

    def make_node(**fields):
        place = {"kubeapi_host": "127.0.0.1", "kubeapi_port": server.port, "node_name": NODE}
        return node(**{**place, "monitored_namespaces": [namespace], "timeout": 30.0, **fields})

    return make_node


@pytest.fixture
def run_real(server, namespace, tree):
    """Runs a pod on this node: the server knows it, and it has cgroups."""

    def run_pod(name, **more):
        containers = [container(name="main", requests={"cpu": "100m"})]
        document = pod(name, namespace, containers=containers, qos="Burstable", **more)
        made = server.run_pod(document)
        make(tree.add_task, made)
        return made

    return run_pod


@pytest.mark.parametrize("folder", ["base", "overlays/acting", "overlays/kubelet", "overlays/perf"])
def test_every_object_is_accepted(server, folder):
    objects = rendered(folder)
    assert {one["kind"] for one in objects} >= {"DaemonSet", "ClusterRole", "ConfigMap"}
    if folder != "base":
        for one in objects:
            server.apply(one)
        for one in rendered("base"):  # as the other tests want it
            server.apply(one)


def test_the_stored_schemas_are_those_of_the_server(server):
    found = kubernetes_schemas.fetch(server)
    if os.environ.get("WCA_WRITE_SCHEMAS"):
        kubernetes_schemas.write(found)
    assert kubernetes_schemas.stored() == found


class TestRights:
    def test_the_account_may_list_and_watch_pods(self, server, account):
        shown = account.read_text()
        for path in ("/api/v1/pods", "/api/v1/namespaces/default/pods"):
            assert server.ask("GET", path, token=shown).status_code == 200
            watch = {"watch": "1", "timeoutSeconds": "1"}
            assert server.ask("GET", path, token=shown, params=watch).status_code == 200

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/api/v1/namespaces/default/pods/any"),
            ("DELETE", "/api/v1/namespaces/default/pods/any"),
            ("POST", "/api/v1/namespaces/default/pods"),
            ("GET", "/api/v1/namespaces/default/pods/any/log"),
            ("POST", "/api/v1/namespaces/default/pods/any/exec"),
            ("GET", "/api/v1/secrets"),
            ("GET", "/api/v1/nodes"),
            ("GET", "/api/v1/nodes/any/proxy/pods"),
            ("GET", "/api/v1/namespaces/wca/configmaps"),
            ("POST", "/api/v1/namespaces/wca/serviceaccounts/wca/token"),
            ("GET", "/apis/apps/v1/daemonsets"),
        ],
    )
    def test_and_nothing_else(self, server, account, method, path):
        assert server.ask(method, path, token=account.read_text(), json={}).status_code == 403

    def test_the_server_itself_knows_of_no_other_right(self, server, account):
        accounts = "/api/v1/namespaces/wca/serviceaccounts"
        server.need("POST", accounts, json={"metadata": {"name": "without-rights"}})
        every_account = _rights(server, server.token("without-rights"))
        assert [
            one for one in _rights(server, account.read_text()) if one not in every_account
        ] == [{"verbs": ["list", "watch"], "apiGroups": [""], "resources": ["pods"]}]

    def test_the_kubelets_overlay_may_read_pods_of_nodes_alone(self):
        (role,) = [one for one in rendered("overlays/kubelet") if one["kind"] == "ClusterRole"]
        assert role["rules"] == [{"apiGroups": [""], "resources": ["nodes/pods"], "verbs": ["get"]}]


class TestEvents:
    @pytest.fixture
    def role(self, server):
        """What the overlay adds, as long as it is asked for."""
        added = [one for one in rendered("overlays/events") if "events" in one["metadata"]["name"]]
        for one in added:
            server.apply(one)
        yield
        for one in added:
            kind = one["kind"].lower() + "s"
            path = f"/apis/rbac.authorization.k8s.io/v1/{kind}/{one['metadata']['name']}"
            server.need("DELETE", path)

    @pytest.fixture
    def events(self, server, certificates, account):
        place = {"kubeapi_host": "127.0.0.1", "kubeapi_port": server.port, "timeout": 30.0}
        files = {"client_token_path": str(account), "server_cert_ca_path": certificates.ca}
        events = KubernetesEvents(NODE, **place, **files)
        events.start()
        yield events
        events.close(30.0)

    @pytest.mark.usefixtures("role")
    @pytest.mark.parametrize(
        "values", [{}, {"outcome": "failed", "reason": "x" * 3000}, {"outcome": "rejected"}]
    )
    def test_a_decision_is_an_event_of_the_pod(self, server, events, run_real, namespace, values):
        uid = run_real("web")["metadata"]["uid"]
        labels = {"namespace": namespace, "pod": "web"}
        events.add(decision(1.5e9, task_id=uid, task_labels=labels, **values))
        events.close(60.0)
        path = f"/api/v1/namespaces/{namespace}/events"
        selector = {"fieldSelector": f"involvedObject.uid={uid}"}  # as kubectl describe pod asks
        (found,) = server.need("GET", path, params=selector)["items"]
        assert found["message"].startswith("cpu_quota 1 -> 0.5: ")
        assert found["source"] == {} or found["reportingComponent"] == "wca/agent"
        assert events.dropped == 0

    def test_without_the_overlay_it_is_refused(self, events, namespace, caplog):
        events.add(decision(1.5e9, task_labels={"namespace": namespace, "pod": "web"}))
        until(lambda: events.dropped == 1)
        assert "answers 403 Forbidden" in caplog.text
        assert 'cannot create resource "events"' in caplog.text


class TestNode:
    def test_pods_of_this_node_alone_become_tasks(self, server, watcher, run_real, namespace):
        made = run_real("web", labels={"app.kubernetes.io/name": "shop"})
        elsewhere = pod("elsewhere", namespace, spec={"nodeName": "node-2"})
        server.run_pod(elsewhere)
        server.run_pod(pod("ended", namespace, phase="Succeeded", statuses=[]))
        (task,) = watcher().get_tasks()
        assert (task.name, task.task_id) == (f"{namespace}/web", made["metadata"]["uid"])
        assert task.labels["app_kubernetes_io__name"] == "shop"
        assert task.labels["app_kubernetes_io__qos_class"] == "burstable"
        assert task.resources == {"requests_cpu": 0.1, "cpus": 0.1}
        assert len(task.subcgroups_paths) == 1

    def test_a_watch_hears_of_pods_that_come_change_and_go(
        self, server, watcher, run_real, namespace
    ):
        run_real("web")
        started = watcher()
        started.start()
        assert names(started) == [f"{namespace}/web"]
        run_real("new")
        until(lambda: names(started) == [f"{namespace}/new", f"{namespace}/web"])
        server.change(namespace, "new", {"metadata": {"labels": {"app": "other"}}})
        until(lambda: started.get_tasks()[0].labels["app"] == "other")
        server.change(namespace, "web", {"status": {"phase": "Failed"}}, part="/status")
        until(lambda: names(started) == [f"{namespace}/new"])
        server.delete_pod(namespace, "new")
        until(lambda: names(started) == [])

    def test_a_container_that_is_started_anew_has_another_cgroup(
        self, server, watcher, run_real, namespace, tree
    ):
        made = run_real("web")
        started = watcher()
        started.start()
        (before,) = started.get_tasks()
        again = changed(made, "status", "containerStatuses", to=[status("main")])
        server.change(namespace, "web", {"status": again["status"]}, part="/status")
        make(tree.add_task, again)

        def other():
            (task,) = started.get_tasks()
            return task.subcgroups_paths not in ([], before.subcgroups_paths)

        until(other)

    def test_the_address_of_the_node_is_enough(self, watcher, run_real, namespace):
        run_real("web")
        assert names(watcher(node_name=None, node_ip="192.0.2.1")) == [f"{namespace}/web"]

    def test_what_the_server_has_forgotten_is_listed_anew(
        self, server, watcher, run_real, namespace
    ):
        run_real("web")
        server.stop_server()
        server.start_server()  # it remembers changes since its start only
        asking = watcher()
        asking._source._version = "1"
        assert asking.follow() is True
        assert names(asking) == [f"{namespace}/web"]

    def test_it_survives_a_server_that_is_started_anew(
        self, server, watcher, run_real, namespace, caplog
    ):
        caplog.set_level(logging.INFO)
        run_real("web")
        started = watcher()
        started.start()
        server.stop_server()
        until(lambda: "its last list is used for 300 s more" in caplog.text)
        assert names(started) == [f"{namespace}/web"]
        server.start_server()
        run_real("new")
        until(lambda: names(started) == [f"{namespace}/new", f"{namespace}/web"])


class TestRefusals:
    def test_a_token_that_has_been_revoked_is_a_sentence(self, server, node, token):
        name = f"accounts-{time.monotonic_ns()}"
        path = "/api/v1/namespaces/wca/serviceaccounts"
        server.need("POST", path, json={"metadata": {"name": name}})
        token.write_text(server.token(name))
        asking = node(
            kubeapi_host="127.0.0.1", kubeapi_port=server.port, node_name=NODE, timeout=30.0
        )
        with pytest.raises(TaskSynchronizationException, match="403 Forbidden: pods is forbidden"):
            asking.get_tasks()
        server.need("DELETE", f"{path}/{name}")

        def refused():
            with pytest.raises(TaskSynchronizationException) as caught:
                asking.get_tasks()
            return "answers 401 Unauthorized" in str(caught.value)

        until(refused)  # the server remembers good tokens for some seconds
        token.write_text(server.token("wca"))
        assert asking.get_tasks() is not None

    def test_without_the_right_to_watch_the_list_is_read_each_time(
        self, server, watcher, token, run_real, namespace, caplog
    ):
        _allow(server, namespace, "lister", ["list"])
        token.write_text(server.token("lister", namespace))
        started = watcher()
        started.start()
        run_real("new")
        until(lambda: names(started) == [f"{namespace}/new"])
        assert 'cannot watch resource "pods"' in caplog.text

    def test_rights_in_single_namespaces_are_enough(
        self, server, watcher, token, run_real, namespace
    ):
        _allow(server, namespace, "reader", ["list", "watch"])
        token.write_text(server.token("reader", namespace))
        run_real("web")
        asking = watcher(monitored_namespaces=[namespace, namespace])
        assert names(asking) == [f"{namespace}/web"]


def _rights(server, token):
    """What the server says that somebody may do."""
    review = {"kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1"}
    answer = server.need(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        token=token,
        json={**review, "spec": {"namespace": "wca"}},
    )
    return answer["status"]["resourceRules"]


def _allow(server, namespace, account, verbs):
    group = "rbac.authorization.k8s.io"
    server.apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": account, "namespace": namespace},
        }
    )
    server.apply(
        {
            "apiVersion": f"{group}/v1",
            "kind": "Role",
            "metadata": {"name": account, "namespace": namespace},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}],
        }
    )
    server.apply(
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": account, "namespace": namespace},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": account},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        }
    )


@pytest.mark.parametrize(
    "text", ["0.5Gi", "1.5", "100m", "1e3", "12E2", "3Ki", "1000k", ".25", "128974848000m", "5E"]
)
def test_the_server_reads_amounts_as_we_do(server, namespace, text):
    """It writes them in another form; the amount stays the same."""
    made = server.need(
        "POST",
        f"/api/v1/namespaces/{namespace}/resourcequotas?dryRun=All",
        json={"metadata": {"name": "amount"}, "spec": {"hard": {"requests.example.com/x": text}}},
    )
    shown = made["spec"]["hard"]["requests.example.com/x"]
    assert parse_quantity(shown) == parse_quantity(text)


def test_a_node_is_what_the_shipped_configuration_says(monkeypatch, tmp_path):
    (config,) = [one for one in rendered("base") if one["kind"] == "ConfigMap"]
    from wca.components import load_registry
    from wca.config import load_config

    monkeypatch.setenv("NODE_NAME", NODE)
    path = tmp_path / "wca.yaml"
    path.write_text(config["data"]["wca.yaml"])
    path.chmod(0o600)
    assert isinstance(load_config(str(path), load_registry()).runner.node, KubernetesNode)
