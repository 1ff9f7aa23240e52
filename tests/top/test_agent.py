"""A running agent as the source of ``wca top``."""

import pytest

from tests.main.agent import Agent, wait_until, write_config
from tests.services import free_port
from tests.top.terminal import WCA, Terminal
from wca.main import main
from wca.top.agent import AgentSource

CONFIG = """
runner: !DetectionRunner
  interval: 200ms
  node: !StaticNode
    tasks: [{busy}]
  metrics_storage: &page !PrometheusStorage
  anomalies_storage: *page
  http: !HttpServer
    address: 127.0.0.1:{port}
  records: {folder}/records.jsonl
  detector: !ThresholdDetector
    rules:
      - name: too much CPU
        metric: task_cpu_usage_seconds
        above: 0.01
        for: 200ms
        window: 400ms
        resource: cpus
"""


@pytest.fixture
def place(real_cgroups, tmp_path):
    """An agent's configuration, whose task uses more CPU than it may, and its URL."""
    busy, port = real_cgroups.make("busy"), free_port()
    worker = real_cgroups.worker(busy)
    worker._process.stdin.write("while True: pass\n")
    worker._process.stdin.flush()
    text = CONFIG.format(busy=busy[1:], port=port, folder=tmp_path)
    return write_config(tmp_path, text), f"http://127.0.0.1:{port}"


def test_an_agents_tasks_anomalies_and_their_reasons_are_shown(place, tmp_path):
    config, url = place
    command = [*WCA, "--url", url, "--records", tmp_path / "records.jsonl", "--interval", "0.3"]
    with Agent("-c", config) as agent, Terminal(command, lines=90, columns=100) as top:
        text = top.wait_for("anomalies 1 ")
        assert "tasks 1 " in text
        top.press("\r")
        text = top.wait_for("records\n")
        assert "too much CPU (cpus)" in text
        assert "anomaly: too much CPU" in text.split("records\n")[1]
        top.wait_for("task_psi_cpu_some_seconds")
        top.press("q")
        assert top.ended() == 0
        agent.end()
    assert agent.process.returncode == 0, agent.err


def test_an_agent_that_goes_away_is_waited_for(place):
    config, url = place
    with Terminal([*WCA, "--url", url, "--interval", "0.3"], columns=120) as top:
        top.wait_for("connection refused")
        with Agent("-c", config) as agent:
            top.wait_for("tasks 1 ")
            agent.end()
        text = top.wait_for("s ago, trying again: http://127.0.0.1:")
        assert "busy" in text  # the row stays
        with Agent("-c", config) as agent:
            top.wait(lambda text: "trying again" not in text, "the agent again")
            agent.end()
        top.press("q")
        assert top.ended() == 0
        assert b"Traceback" not in top.written


def test_one_table_of_an_agent(place, capsys):
    config, url = place
    with Agent("-c", config) as agent:
        wait_until(lambda: main(["top", "--once", "--url", url]) == 0, "a table")
        agent.end()
    text = capsys.readouterr().out
    *_, head, row = text.rstrip().splitlines()
    numbers = dict(zip(head.split(), row.split(), strict=True))
    assert float(numbers["CPU%"]) > 1
    assert numbers["ANOM"] in ("0", "1")
    assert numbers["ALLOC"] == "-"


def test_an_agent_with_tls_wants_its_token(certificates, tmp_path, capsys):
    token = tmp_path / "token"
    token.write_text("open-sesame-open-sesame\n")
    port = free_port()
    config = write_config(
        tmp_path,
        f"""
runner: !MeasurementRunner
  interval: 200ms
  node: !StaticNode {{tasks: []}}
  metrics_storage: !PrometheusStorage
  http: !HttpServer
    address: 127.0.0.1:{port}
    tls_cert: {certificates.server_cert}
    tls_key: {certificates.server_key}
    token_file: {token}
""",
    )
    command = ["top", "--once", "--url", f"https://127.0.0.1:{port}", "--ca", certificates.ca]
    with Agent("-c", config) as agent:
        with_token = [*map(str, command), "--token-file", str(token)]
        wait_until(lambda: main(with_token) == 0, "a table")
        assert "tasks 0 " in capsys.readouterr().out
        assert main([*map(str, command)]) == 1
        assert "credentials are not accepted" in capsys.readouterr().err
        agent.end()


def test_an_agent_that_is_away_is_one_sentence_and_exit_code_1(capsys):
    assert main(["top", "--once", "--url", f"http://127.0.0.1:{free_port()}"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "connection refused" in said.err


def test_closing_ends_a_question_that_waits():
    import socket
    import threading
    import time

    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = AgentSource(f"http://127.0.0.1:{silent.getsockname()[1]}")
        threading.Timer(0.3, source.cut).start()
        start = time.monotonic()
        with pytest.raises(Exception, match=r"127\.0\.0\.1"):
            source.read(1.0)
        assert time.monotonic() - start < 4
        source.close()
