"""Pods from a kubelet: credentials, answers of every kind, patience."""

import logging
import threading
import time
from pathlib import Path

import pytest

from tests.certificates import authority, signed
from tests.nodes.kubernetes.pods import changed, container, pod
from tests.nodes.kubernetes.servers import TOKEN, KubeletServer
from wca.errors import TaskSynchronizationException
from wca.nodes.kubernetes_client import connection
from wca.security import SSL


def names(node):
    return [task.name for task in node.get_tasks()]


def write_pair(path, certificate, key):
    """A certificate and its key in one file."""
    path.write_text(Path(certificate).read_text() + Path(key).read_text())


def refusal(node):
    with pytest.raises(TaskSynchronizationException) as caught:
        node.get_tasks()
    return str(caught.value)


@pytest.fixture
def shop(kubelet, run):
    """A kubelet with two pods."""
    run(kubelet, pod("web"), pod("db", qos="Guaranteed"))
    return kubelet


def test_pods_become_tasks_with_their_cgroups(shop, node):
    db, web = node(shop).get_tasks()
    assert [db.name, web.name] == ["default/db", "default/web"]
    assert db.cgroup_path.startswith("/kubepods.slice/kubepods-pod")
    assert web.cgroup_path.startswith("/kubepods.slice/kubepods-besteffort.slice/")
    (path,) = web.subcgroups_paths
    assert path.startswith(f"{web.cgroup_path}/cri-containerd-")
    assert web.subcgroups_labels == {
        path: {"container": "main", "image": "registry.example/main:1"}
    }
    assert "cgroup_path" not in web.labels


def test_the_path_may_be_a_label(shop, node):
    for task in node(shop, cgroup_path_label=True).get_tasks():
        assert task.labels["cgroup_path"] == task.cgroup_path


def test_so_may_the_address_as_soon_as_there_is_one(shop, node):
    assert not [task for task in node(shop).get_tasks() if "pod_ip" in task.labels]
    del shop.pods[0]["status"]["podIP"]
    web, db = sorted(node(shop, pod_ip_label=True).get_tasks(), key=lambda one: one.name)[::-1]
    assert ("pod_ip" in web.labels, db.labels["pod_ip"]) == (False, "192.0.2.100")


def test_only_the_default_namespace_is_measured_unless_others_are_named(kubelet, run, node):
    run(kubelet, pod("web"), pod("dns", "kube-system"), pod("bank", "money"))
    assert names(node(kubelet)) == ["default/web"]
    assert names(node(kubelet, monitored_namespaces="all")) == [
        "default/web",
        "kube-system/dns",
        "money/bank",
    ]
    some = node(kubelet, monitored_namespaces=["money", "kube-system"])
    assert names(some) == ["kube-system/dns", "money/bank"]


def test_a_pod_without_a_cgroup_costs_itself_and_is_named_once(shop, node, caplog):
    shop.pods.append(pod("lost", uid="0-a"))
    asking = node(shop)
    for _ in range(3):
        assert names(asking) == ["default/db", "default/web"]
    assert [one.message for one in caplog.records if one.levelname == "WARNING"] == [
        "pod default/lost is left out: no cgroup of its id 0-a is below the kubelet's"
    ]


def test_a_pod_whose_cgroup_comes_later_is_taken_then(kubelet, run, node, tree, caplog):
    caplog.set_level(logging.INFO)
    document = pod("late")
    asking = node(kubelet)
    run(kubelet, pod("web"))
    kubelet.put(document)
    assert names(asking) == ["default/web"]
    run(kubelet, document)
    kubelet.pods.pop()
    assert names(asking) == ["default/late", "default/web"]
    assert "pod default/late has a cgroup now" in caplog.text


def test_one_that_begins_or_ends_without_a_cgroup_is_not_worth_a_word(shop, node, caplog):
    shop.put(pod("begins", phase="Pending"))
    shop.put(pod("ends", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}))
    assert len(names(node(shop))) == 2
    assert caplog.messages == []


def test_the_order_of_the_answer_does_not_matter(kubelet, run, node):
    run(kubelet, *(pod(f"p{n:02d}") for n in range(30)))
    asking = node(kubelet)
    changes = []
    asking.on_change(lambda: changes.append(1))
    assert names(asking) == names(asking) == [f"default/p{n:02d}" for n in range(30)]
    assert len(changes) == 1


class TestCredentials:
    def test_the_token_is_shown_without_the_line_end(self, shop, node):
        node(shop).get_tasks()
        (_, _, headers) = shop.questions[-1]
        assert headers["Authorization"] == f"Bearer {TOKEN}"

    def test_a_token_that_is_written_anew_is_read_anew(self, shop, node, token):
        asking = node(shop)
        asking.get_tasks()
        shop.tokens = {"second-token"}
        assert "answers 401 Unauthorized" in refusal(node(shop))
        token.write_text("second-token")
        assert len(asking.get_tasks()) == 2

    def test_an_expired_token_keeps_the_last_list_until_there_is_another(
        self, shop, node, token, caplog
    ):
        asking = node(shop)
        asking.get_tasks()
        shop.tokens = {"second-token"}
        assert len(asking.get_tasks()) == 2
        assert "401 Unauthorized" in caplog.text
        token.write_text("second-token")
        caplog.set_level(logging.INFO)
        assert len(asking.get_tasks()) == 2
        assert "KubernetesNode gives its tasks again" in caplog.text

    def test_the_refusal_names_what_was_shown_and_no_secret(self, shop, node, token):
        shop.tokens = set()
        said = refusal(node(shop))
        assert f"(it was shown the token of {token})" in said
        assert TOKEN not in said

    def test_a_server_that_repeats_the_token_is_not_quoted(self, shop, node):
        fault = shop.failing(lambda handler: handler.error(403, "Forbidden", f"not {TOKEN}!"))
        with fault:
            said = refusal(node(shop))
        assert said.endswith("/pods answers 403 Forbidden: not ***!")

    def test_a_file_without_a_token_is_named(self, shop, node, token):
        token.write_text("")
        assert f"client_token_path: the content of {token} is no token" in refusal(node(shop))
        token.unlink()
        assert f"client_token_path: {token} cannot be read" in refusal(node(shop))
        assert shop.questions == []

    def test_a_client_certificate_is_enough(self, shop, node, certificates):
        ssl = SSL(certificates.ca, certificates.client_cert, certificates.client_key)
        shop.tokens = set()
        assert len(node(shop, ssl=ssl, client_token_path=None).get_tasks()) == 2
        assert "Authorization" not in shop.questions[-1][2]

    def test_a_client_certificate_that_is_renewed_is_read_again(
        self, shop, node, certificates, tmp_path
    ):
        shop.tokens = set()
        own = tmp_path / "client.pem"
        write_pair(own, *signed(tmp_path, "old", *authority(tmp_path, "unknown")))
        asking = node(shop, ssl=SSL(certificates.ca, str(own)), client_token_path=None, keep=0.0)
        refusal(asking)  # an authority that the server does not know has signed it
        write_pair(own, certificates.client_cert, certificates.client_key)
        assert len(asking.get_tasks()) == 2

    def test_after_a_refusal_the_certificates_are_read_again(self, shop, node):
        asking = node(shop)
        asking.get_tasks()
        connections = shop.connections
        with shop.failing(lambda handler: handler.error(401, "Unauthorized")):
            asking.get_tasks()
        asking.get_tasks()
        assert shop.connections == connections + 1

    def test_the_default_token_is_left_out_where_there_is_none(
        self, shop, node, certificates, monkeypatch, tmp_path
    ):
        missing = str(tmp_path / "none")
        monkeypatch.setattr(connection, "SERVICE_ACCOUNT_TOKEN", missing)
        shop.tokens = {""}
        asking = node(shop, client_token_path=missing)
        assert len(asking.get_tasks()) == 2
        assert "Authorization" not in shop.questions[-1][2]
        (problem,) = asking.check()
        assert "would not know who asks" in problem
        certificate = SSL(certificates.ca, certificates.client_cert, certificates.client_key)
        assert node(shop, client_token_path=missing, ssl=certificate).check() == []
        assert node(shop).check() == []

    def test_a_token_that_cannot_be_read_is_a_problem_of_this_machine(self, shop, node, token):
        token.chmod(0o666)
        (problem,) = node(shop).check()
        assert problem.startswith("client_token_path: anybody can write")

    def test_a_token_is_not_sent_without_tls(self, certificates, run, node):
        with KubeletServer(certificates, secure=False) as plain:
            run(plain, pod("web"))
            plain.tokens = {""}
            assert names(node(plain)) == ["default/web"]
            assert "Authorization" not in plain.questions[-1][2]
            assert node(plain).check() == []


class TestTrust:
    def test_a_server_of_another_authority_gets_no_token(self, shop, node, certificates):
        said = refusal(node(shop, server_cert_ca_path=certificates.other_ca))
        assert "its certificate is not accepted" in said
        assert shop.questions == []

    def test_ssl_decides_instead_of_the_authority_alone(self, shop, node, certificates):
        other = SSL(server_verify=certificates.other_ca)
        assert "certificate is not accepted" in refusal(node(shop, ssl=other))

    def test_without_an_authority_those_of_the_machine_count(self, shop, node):
        assert "certificate is not accepted" in refusal(node(shop, server_cert_ca_path=None))

    def test_an_authority_that_cannot_be_read_is_named(self, shop, node, tmp_path):
        missing = tmp_path / "none.pem"
        assert f"{missing} cannot be used" in refusal(node(shop, server_cert_ca_path=str(missing)))


class TestAnswers:
    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (401, "answers 401 Unauthorized: oh"),
            (403, "answers 403 Forbidden: oh"),
            (404, "answers 404 Not Found: oh"),
            (429, "answers 429 Too Many Requests: oh"),
            (500, "answers 500 Internal Server Error: oh"),
            (503, "answers 503 Service Unavailable: oh"),
            (599, "answers 599: oh"),
            (204, "answers 204 No Content"),
        ],
    )
    def test_an_error_is_a_sentence(self, shop, node, code, words):
        with shop.failing(lambda handler: handler.error(code, "Reason", "oh")):
            assert f"{shop.url}/pods {words}" in refusal(node(shop))

    def test_words_that_are_no_status_are_quoted_on_one_line(self, shop, node):
        with shop.failing(lambda handler: handler.bytes(b"<p>\nno\x00way" + b"x" * 9000, 500)):
            said = refusal(node(shop))
        assert "500 Internal Server Error: <p> no way" in said
        assert len(said) < 400

    def test_a_redirection_is_not_followed(self, shop, node):
        place = {"Location": f"{shop.url}/pods?token=1"}
        with shop.failing(lambda handler: handler.bytes(b"", 302, **place)):
            said = refusal(node(shop))
        assert said.endswith(
            f"redirects to {shop.url}/pods, which is not followed: write that address"
        )
        assert len(shop.questions) == 1

    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"[]", b"<html>", b'{"items":', b'{"kind":"PodList","items":[{"metadata":{'],
    )
    def test_what_is_no_list_is_a_failure(self, shop, node, body):
        with shop.failing(lambda handler: handler.bytes(body)):
            assert "its answer is broken" in refusal(node(shop))

    def test_another_document_is_a_failure_and_no_empty_list(self, shop, node):
        with shop.failing(lambda handler: handler.json({"kind": "Status", "status": "Success"})):
            assert "its answer is no list of pods" in refusal(node(shop))

    def test_a_list_without_pods_is_empty(self, kubelet, node):
        assert node(kubelet).get_tasks() == []
        with kubelet.failing(lambda handler: handler.json({"kind": "PodList", "items": None})):
            assert node(kubelet).get_tasks() == []

    def test_an_answer_that_is_cut_short_is_a_failure(self, shop, node):
        def cut(handler):
            handler.bytes(b'{"kind": "PodList", "items": [', length=1000)
            handler.hang_up()

        with shop.failing(cut):
            assert f"{shop.url}/pods: " in refusal(node(shop))

    def test_an_answer_without_end_is_given_up(self, shop, node, monkeypatch):
        monkeypatch.setattr(connection.Stream.pieces, "__defaults__", (100_000,))

        def endless(handler):
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(b'{"kind": "PodList", "items": [')
            while not handler.pause(0):
                handler.wfile.write(b" " * 10_000)

        with shop.failing(endless):
            assert "its answer is longer than 100000 bytes" in refusal(node(shop))

    def test_a_server_that_closes_an_idle_connection_costs_no_failure(self, shop, node, caplog):
        asking = node(shop)
        asking.get_tasks()
        connections = shop.connections
        asking.get_tasks()
        assert shop.connections == connections, "the connection was not kept"
        shop.fault = lambda handler: (setattr(shop, "fault", None), handler.hang_up())
        assert len(asking.get_tasks()) == 2
        assert caplog.messages == []


class TestDeadline:
    def test_a_server_that_drips_is_waited_for_no_longer(self, shop, node):
        def drip(handler):
            handler.send_response(200)
            handler.end_headers()
            while not handler.pause(0.05):
                handler.wfile.write(b" ")

        with shop.failing(drip):
            start = time.monotonic()
            assert "no answer within 0.3 s" in refusal(node(shop, timeout=0.3))
            assert time.monotonic() - start < 20

    def test_closing_ends_a_drip_at_once(self, shop, node):
        asking = node(shop, timeout=60.0)
        asking.start()
        dripping = threading.Event()

        def drip(handler):
            handler.send_response(200)
            handler.end_headers()
            dripping.set()
            while not handler.pause(0.05):
                handler.wfile.write(b" ")

        with shop.failing(drip):
            asking.get_tasks()
            assert dripping.wait(20)
            start = time.monotonic()
            asking.close(30.0)
            assert time.monotonic() - start < 20


def test_five_thousand_pods_are_read_entry_by_entry(kubelet, run, node, tree):
    documents = [
        pod(f"p{n:04d}", containers=[container(requests={"cpu": "1m"})]) for n in range(5000)
    ]
    for document in documents:
        kubelet.put(document)
    run(kubelet, pod("here"))
    kubelet.pods.append(changed(documents[0], "metadata", "uid", to=None))
    asking = node(kubelet, timeout=60.0)
    assert names(asking) == ["default/here"]
    assert len(asking.poll()) == 5001
