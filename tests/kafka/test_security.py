"""TLS with client certificates and SASL, right and wrong, with a real broker."""

import pytest

from tests.kafka.broker import PASSWORD, USER
from tests.kafka.reading import samples, wait_for_delivery
from tests.kafka.test_faults import batch, expected
from tests.main.agent import Agent, wait_until, write_config
from wca.errors import FailedDeliveryException
from wca.metrics import Metric
from wca.security import SSL

AGENT = """
runner: !MeasurementRunner
  node: !StaticNode
    tasks: []
  interval: 0.2
  metrics_storage: !KafkaStorage
    topic: {topic}
    brokers_ips: ["{address}"]
    sasl: {{mechanism: PLAIN, username: {user}, password: !File {password}}}
"""


def identified(certificates, **changes):
    return SSL(
        **{
            "server_verify": certificates.ca,
            "client_cert_path": certificates.client_cert,
            "client_key_path": certificates.client_key,
            **changes,
        }
    )


def test_a_client_with_a_certificate_is_let_in(make, broker, topic, certificates):
    storage = make(brokers_ips=[broker.tls_address], ssl=identified(certificates))
    storage.start()
    storage.store(batch(1))
    wait_for_delivery(storage)
    assert samples(broker.read(topic)) == expected(1)


def wrong(make, **options):
    """Stores, and gives the reason why it is not delivered."""
    storage = make(delivery="blocking", max_timeout_in_seconds=1, **options)
    with pytest.raises(FailedDeliveryException) as caught:
        storage.store(batch(1))
    return str(caught.value)


def test_a_server_of_another_authority_is_not_believed(make, broker, certificates):
    ssl = identified(certificates, server_verify=certificates.other_ca)
    reason = wrong(make, brokers_ips=[broker.tls_address], ssl=ssl)
    assert "CERTIFICATE_VERIFY_FAILED" in reason


def test_a_client_without_a_certificate_is_turned_away(make, broker, certificates):
    ssl = SSL(server_verify=certificates.ca)
    reason = wrong(make, brokers_ips=[broker.tls_address], ssl=ssl)
    assert "certificate" in reason.lower()


@pytest.mark.parametrize(("address", "tls"), [("address", True), ("tls_address", False)])
def test_tls_on_one_side_only_is_told(make, broker, certificates, address, tls):
    ssl = identified(certificates) if tls else None
    reason = wrong(make, brokers_ips=[getattr(broker, address)], ssl=ssl)
    assert (
        "is this a port for TLS" if tls else "does this port of the broker expect ssl"
    ) in reason


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_user_with_the_right_password_is_let_in(make, broker, topic, mechanism):
    sasl = {"mechanism": mechanism, "username": USER, "password": PASSWORD}
    storage = make(brokers_ips=[broker.sasl_address], sasl=sasl)
    storage.start()
    storage.store(batch(1))
    wait_for_delivery(storage)
    assert samples(broker.read(topic)) == expected(1)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize("password", [PASSWORD, "wröng \\'horse\\'"])
def test_neither_password_nor_messages_are_in_the_log_at_debug(
    make, broker, caplog, mechanism, password
):
    sasl = {"mechanism": mechanism, "username": USER, "password": password}
    storage = make(brokers_ips=[broker.sasl_address], sasl=sasl, compression="none")
    with caplog.at_level(5, logger="kafka"):
        storage.start()
        storage.store([Metric("in_the_message", 1, {"task": "in-the-message"})])
        wait_until(lambda: storage.ledger.account.delivered or storage.failing, "an answer")
        storage.close(5)
    text = caplog.text
    assert "SaslAuthenticateRequest" in text
    if password == PASSWORD:
        assert "ProduceRequest" in text
    assert "in_the_message" not in text
    assert "in-the-message" not in text
    for form in (password, repr(password)[1:-1], repr(password.encode())[2:-1]):
        assert form not in text
    # Nor what a password can be guessed from.
    assert "auth_bytes" not in text


def test_the_agents_own_log_has_no_password(broker, topic, tmp_path):
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    text = AGENT.format(topic=topic, address=broker.sasl_address, user=USER, password=password)
    with Agent("-c", write_config(tmp_path, text), "--log", "kafka:debug") as agent:
        wait_until(lambda: len(broker.read(topic)) > 1, "records")
        agent.end()
    assert "SaslAuthenticateRequest" in agent.err
    assert PASSWORD not in agent.err + agent.out


def test_a_wrong_password_is_told_and_not_shown(make, broker):
    sasl = {"mechanism": "PLAIN", "username": USER, "password": "hunter2"}
    reason = wrong(make, brokers_ips=[broker.sasl_address], sasl=sasl)
    assert "are mechanism, username and password those of this port?" in reason
    assert "hunter2" not in reason
