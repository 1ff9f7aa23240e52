"""A real Prometheus scrapes the agent."""

import base64
import hashlib
import re
import time

import pytest

from tests import prometheus_server
from tests.main.agent import wait_until
from tests.services import free_port
from tests.storage.scraped_agent import scraped_agent
from wca.http import HttpServer
from wca.metrics import Metric
from wca.metrics.batch import Batch, Series
from wca.storage import PrometheusStorage


def complaints(server):
    """What Prometheus has to say against its targets."""
    return [
        line
        for line in server.log().splitlines()
        if re.search("level=(warn|error)", line, re.IGNORECASE)
        and ("scrape" in line or "target" in line)
    ]


def values(server, expression):
    return [float(found["value"][1]) for found in server.query(expression)]


def test_values_arrive_and_a_task_that_is_gone_is_gone_at_once(tmp_path):
    with scraped_agent(tmp_path) as agent:
        address = f"127.0.0.1:{agent.port}"
        one = f'task_id="{agent.ids["one"]}"'
        two = f'task_id="{agent.ids["two"]}"'
        with prometheus_server.start(tmp_path / "prometheus", scrape=[address], flags=()) as server:
            wait_until(lambda: values(server, "up") == [1], "the first scrape")
            cpu = f"task_cpu_usage_seconds_total{{{one}}}"
            wait_until(lambda: values(server, cpu), "a value")
            before = values(server, cpu)[0]
            agent.workers["one"].burn(0.3)
            wait_until(lambda: values(server, cpu)[0] >= before + 0.25, "the CPU time used")

            agent.remove("two")
            start = time.monotonic()
            wait_until(lambda: not server.query(f"{{{two}}}"), "the end of the series")
            # Prometheus takes a series that is no longer there for ended with the next scrape;
            # one that had timestamps would go on for five minutes.
            assert time.monotonic() - start < 20
            assert values(server, cpu)

            scraped = values(server, "scrape_samples_scraped")[0]
            assert scraped > 50
            assert values(server, "up") == [1]
            assert abs(values(server, "time() - wca_last_iteration_timestamp_seconds")[0]) < 30
            facts = server.metadata()
            assert facts["task_cpu_usage_seconds"][0]["type"] == "counter"
            assert facts["task_cpu_usage_seconds"][0]["unit"] == "seconds"
            assert facts["wca_tasks"][0]["type"] == "gauge"
        assert complaints(server) == []
        agent.agent.end()
    assert "Traceback" not in agent.agent.err
    assert agent.agent.process.returncode == 0


@pytest.mark.slow
def test_prometheus_3_takes_the_page_as_well(tmp_path):
    storage, web = PrometheusStorage(), HttpServer(f"127.0.0.1:{free_port()}")
    batch = Batch(5.0)
    batch.add((Series("a", {"x": "é"}, "counter", "Help.", "seconds"),), [1])
    storage.store(batch)
    web.show(storage.routes())
    web.start()
    try:
        with prometheus_server.start(
            tmp_path, scrape=[web.address], flags=(), binary=prometheus_server.prometheus3()
        ) as server:
            wait_until(lambda: values(server, "up") == [1], "a scrape")
            wait_until(lambda: values(server, "a_seconds_total") == [1], "the value")
            assert server.metadata()["a_seconds"][0]["type"] == "counter"
        assert complaints(server) == []
    finally:
        web.close(5.0)


def test_prometheus_is_let_in_over_tls_with_a_password(tmp_path, certificates):
    salt = b"0123456789abcdef"
    found = hashlib.scrypt(b"secret", salt=salt, n=1024, r=8, p=1)
    hashed = f"scrypt$1024$8$1${base64.b64encode(salt).decode()}${base64.b64encode(found).decode()}"
    storage = PrometheusStorage()
    storage.store([Metric("a", 1, {"x": 'é"\\\n'})])
    web = HttpServer(
        f"127.0.0.1:{free_port()}",
        tls_cert=certificates.server_cert,
        tls_key=certificates.server_key,
        users={"prometheus": hashed},
    )
    web.show(storage.routes())
    web.start()
    options = f"""\
    scheme: https
    basic_auth: {{username: prometheus, password: secret}}
    tls_config: {{ca_file: {certificates.ca}}}
"""
    try:
        with prometheus_server.start(
            tmp_path, scrape=[web.address], flags=(), scrape_options=options
        ) as server:
            wait_until(lambda: values(server, "up") == [1], "a scrape")
            (series,) = server.query("a")
        assert series["metric"]["x"] == 'é"\\\n'
        assert complaints(server) == []
    finally:
        web.close(5.0)
