"""Pods from a kube-apiserver: the list, the watch, and what becomes of them."""

import logging
import threading
import time

import pytest

from tests.nodes.kubernetes.pods import NODE, NODE_IP, changed, pod
from wca.errors import TaskSynchronizationException, ValidationError
from wca.nodes.kubernetes import KubernetesNode

SECONDS = 30


def names(node):
    return [task.name for task in node.get_tasks()]


def until(condition):
    """Wait until it holds; the machine may be busy."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it has not come to hold"
        time.sleep(0.01)


def lists(server):
    return [query for _, query, _ in server.questions if "watch" not in query]


def watches(server):
    return [query for _, query, _ in server.questions if "watch" in query]


@pytest.fixture
def shop(apiserver, run):
    """An apiserver that knows two pods of this node and one of another."""
    run(apiserver, pod("web"), pod("db"))
    apiserver.put(pod("elsewhere", spec={"nodeName": "node-2"}, status={"hostIP": "192.0.2.9"}))
    return apiserver


@pytest.fixture
def watching(shop, node):
    """A started node that watches."""
    started = node(shop)
    started.start()
    shop.wait_for_watches()
    return started


class TestQuestions:
    def test_only_pods_of_this_node_that_have_not_ended_are_asked_for(self, shop, node):
        assert names(node(shop)) == ["default/db", "default/web"]
        path, query, _ = shop.questions[0]
        assert path == "/api/v1/namespaces/default/pods"
        assert query == {
            "fieldSelector": f"spec.nodeName={NODE},status.phase!=Succeeded,status.phase!=Failed",
            "resourceVersion": "0",
        }

    def test_the_watch_goes_on_where_the_list_ends(self, shop, watching):
        (query,) = watches(shop)
        assert query["resourceVersion"] == str(shop.version)
        assert query["allowWatchBookmarks"] == "true"
        assert query["fieldSelector"].startswith(f"spec.nodeName={NODE},")
        assert 300 <= int(query["timeoutSeconds"]) <= 400

    def test_all_namespaces_are_one_question(self, shop, run, node):
        run(shop, pod("dns", "kube-system"))
        assert names(node(shop, monitored_namespaces="all"))[-1] == "kube-system/dns"
        assert shop.questions[0][0] == "/api/v1/pods"

    def test_several_namespaces_are_one_question_too(self, shop, run, node):
        run(shop, pod("dns", "kube-system"), pod("other", "other"))
        some = node(shop, monitored_namespaces=["kube-system", "default"])
        assert names(some) == ["default/db", "default/web", "kube-system/dns"]
        assert [path for path, _, _ in shop.questions] == ["/api/v1/pods"]

    def test_where_only_single_namespaces_are_allowed_each_is_listed(self, shop, run, node, caplog):
        caplog.set_level(logging.INFO)
        run(shop, pod("dns", "kube-system"))
        shop.forbidden = {("list", None), ("watch", None)}
        some = node(shop, monitored_namespaces=["kube-system", "default"])
        for _ in range(2):
            assert names(some) == ["default/db", "default/web", "kube-system/dns"]
        assert "each namespace is listed by itself, without a watch" in caplog.text
        assert watches(shop) == []
        assert len(lists(shop)) == 5

    def test_one_namespace_that_is_forbidden_is_a_failure(self, shop, node):
        shop.forbidden = {("list", "default")}
        with pytest.raises(TaskSynchronizationException, match='cannot list resource "pods"'):
            node(shop).get_tasks()


class TestNameOfTheNode:
    def test_its_address_alone_is_enough(self, shop, node, caplog):
        caplog.set_level(logging.INFO)
        asking = node(shop, node_name=None, node_ip=f"{NODE_IP}\n")
        asking.start()
        shop.wait_for_watches()
        assert names(asking) == ["default/db", "default/web"]
        assert "spec.nodeName" not in lists(shop)[0]["fieldSelector"]
        assert f"spec.nodeName={NODE}," in watches(shop)[0]["fieldSelector"]
        assert f"this node is {NODE}, by the address of its pods" in caplog.text

    def test_without_both_there_is_a_sentence(self):
        for empty in ({}, {"node_name": " ", "node_ip": ""}):
            with pytest.raises(ValidationError, match="write this node's node_name"):
                KubernetesNode(**empty)

    @pytest.mark.parametrize(
        ("host", "port", "url"),
        [
            ("kubernetes.default.svc", "443", "https://kubernetes.default.svc:443"),
            ("10.0.0.1", 6443, "https://10.0.0.1:6443"),
            ("fd00::1", "443\n", "https://[fd00::1]:443"),
        ],
    )
    def test_the_address_of_the_server(self, host, port, url):
        node = KubernetesNode(node_name="n", kubeapi_host=host, kubeapi_port=port)
        assert node._connection._url == url

    @pytest.mark.parametrize(("host", "port"), [("", "443"), ("a b", "443"), ("a", "x"), ("a", "")])
    def test_what_is_no_address_is_refused(self, host, port):
        with pytest.raises(ValidationError, match="kubeapi_host"):
            KubernetesNode(node_name="n", kubeapi_host=host, kubeapi_port=port)


class TestWatch:
    def test_a_pod_that_comes_changes_and_goes_is_heard_of(self, shop, watching, run):
        new = pod("new")
        run(shop, new)
        until(lambda: "default/new" in names(watching))
        run(shop, changed(new, "metadata", "labels", to={"app": "other"}))
        until(lambda: {one.labels["app"] for one in watching.get_tasks()} == {"web", "db", "other"})
        shop.delete(new)
        until(lambda: names(watching) == ["default/db", "default/web"])
        assert len(lists(shop)) == 1

    def test_discovery_is_woken_by_what_matters_alone(self, shop, node, run):
        woken = threading.Semaphore(0)
        started = node(shop)
        started.on_change(woken.release)
        started.start()
        assert woken.acquire(timeout=SECONDS)
        shop.wait_for_watches()
        first = next(one for one in shop.pods if one["metadata"]["name"] == "web")
        shop.put(changed(first, "status", "conditions", to=[]))
        run(shop, pod("new"))
        assert woken.acquire(timeout=SECONDS)
        assert not woken.acquire(timeout=0.3)

    def test_a_pod_that_ends_is_taken_out(self, shop, watching):
        first = next(one for one in shop.pods if one["metadata"]["name"] == "web")
        shop.put(changed(first, "status", "phase", to="Succeeded"))
        until(lambda: names(watching) == ["default/db"])

    def test_bookmarks_confirm_the_list(self, shop, watching):
        def age():
            return watching.list_ages()["KubernetesNode"]

        time.sleep(0.3)
        before = age()
        shop.bookmark()
        until(lambda: age() < before)
        assert before >= 0.3
        assert len(lists(shop)) == 1

    def test_it_goes_on_where_it_was(self, shop, watching, run):
        run(shop, pod("before"))
        version = shop.version
        until(lambda: "default/before" in names(watching))
        shop.drop()
        run(shop, pod("meanwhile"))
        shop.wait_for_watches(2)
        until(lambda: "default/meanwhile" in names(watching))
        assert watches(shop)[1]["resourceVersion"] == str(version)
        assert len(lists(shop)) == 1

    def test_one_that_ends_in_time_is_opened_again_without_a_word(self, shop, node, caplog):
        shop.longest = 1.2
        started = node(shop)
        started.start()
        shop.wait_for_watches(3)
        assert len(lists(shop)) == 1
        assert caplog.messages == []

    def test_what_the_server_has_forgotten_is_listed_anew(self, shop, watching, run, caplog):
        shop.forget()
        run(shop, pod("meanwhile"))
        until(lambda: "default/meanwhile" in names(watching))
        assert len(lists(shop)) == 2
        assert "resourceVersion" not in lists(shop)[1], "the same old version would do"
        shop.wait_for_watches(2)
        assert caplog.messages == []

    def test_it_may_be_told_so_in_the_watch_itself(self, shop, watching, run):
        gone = {"kind": "Status", "code": 410, "message": "too old resource version"}
        shop.tell("ERROR", gone)
        until(lambda: len(lists(shop)) == 2)
        shop.wait_for_watches(2)

    def test_an_error_in_it_is_not_answered_with_haste(self, shop, watching, caplog):
        shop.tell("ERROR", {"kind": "Status", "code": 500, "message": "etcd is away"})
        until(lambda: "etcd is away" in caplog.text)
        assert names(watching) == ["default/db", "default/web"]

    @pytest.mark.parametrize(
        ("kind", "item"), [("ADDED", 7), ("ADDED", {}), (None, {}), ("BOOKMARK", {"metadata": 1})]
    )
    def test_nonsense_in_it_is_a_failure_and_the_list_is_read_anew(
        self, shop, watching, caplog, kind, item
    ):
        shop.tell(kind, item)
        until(lambda: "its watch is broken" in caplog.text)
        until(lambda: len(lists(shop)) == 2)
        assert names(watching) == ["default/db", "default/web"]

    def test_a_pod_that_makes_no_sense_costs_itself(self, shop, watching, run, caplog):
        shop.tell("ADDED", changed(pod("odd"), "metadata", "uid", to=7))
        run(shop, pod("new"))
        until(lambda: "default/new" in names(watching))
        assert "pod default/odd is left out" in caplog.text

    def test_an_event_of_a_kind_that_is_not_known_is_passed(self, shop, watching, run):
        shop.tell("UNHEARD", {"metadata": {"resourceVersion": "7"}})
        run(shop, pod("new"))
        until(lambda: "default/new" in names(watching))

    def test_one_that_is_forbidden_is_said_once_and_the_list_is_read_each_time(
        self, shop, node, run, caplog
    ):
        shop.forbidden = {("watch", "default")}
        started = node(shop)
        started.start()
        run(shop, pod("new"))
        until(lambda: "default/new" in names(started))
        assert len(watches(shop)) == 1
        (warning,) = caplog.messages
        assert 'cannot watch resource "pods"' in warning
        assert warning.startswith("no watch of pods, their list is read each time instead: ")

    def test_one_that_fails_is_tried_again_and_the_list_is_read_meanwhile(
        self, shop, node, run, caplog
    ):
        failing = threading.Event()

        def fault(handler):
            if "watch=1" in handler.path:
                failing.set()
                handler.error(500, "InternalError")
            else:
                handler.answer()

        started = node(shop)
        with shop.failing(fault):
            started.start()
            run(shop, pod("new"))
            until(lambda: "default/new" in names(started))
            assert failing.is_set()
            assert len(caplog.messages) == 1
        until(lambda: names(started) and shop.watches)

    def test_one_that_ends_at_once_is_a_failure_too(self, shop, node, caplog):
        shop.longest = 0.0
        started = node(shop)
        started.start()
        until(lambda: "its watch ends at once" in caplog.text)
        assert names(started) == ["default/db", "default/web"]

    def test_closing_ends_it_at_once(self, shop, watching):
        start = time.monotonic()
        watching.close(SECONDS)
        assert time.monotonic() - start < SECONDS / 2
        until(lambda: shop.open_watches == 0)
        assert [one for one in threading.enumerate() if one.name == "KubernetesNode"] == []

    def test_it_begins_anew_after_closing(self, shop, watching, run):
        watching.close(SECONDS)
        run(shop, pod("meanwhile"))
        watching.start()
        assert "default/meanwhile" in names(watching)


class TestAway:
    def test_the_last_list_is_kept_as_long_as_it_may_be_used(self, shop, node):
        asking = node(shop, keep=0.0, timeout=0.3)
        assert len(names(asking)) == 2
        with shop.away():
            shop.drop()
            with pytest.raises(TaskSynchronizationException, match=r"its last list is \d+ s old"):
                asking.get_tasks()
        assert len(names(asking)) == 2

    def test_a_server_that_comes_back_is_asked_again(self, shop, watching, run, caplog):
        caplog.set_level(logging.INFO)
        with shop.failing(lambda handler: handler.hang_up()):
            shop.drop()
            said = "its last list is used for 300 s more"
            until(lambda: len(names(watching)) == 2 and said in caplog.text)
        run(shop, pod("new"))
        until(lambda: "default/new" in names(watching))
        assert "KubernetesNode gives its tasks again" in caplog.text
