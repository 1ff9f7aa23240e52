"""Every query of the dashboard of tasks has an answer in a real Prometheus that holds our series."""

from tests import prometheus_server
from tests.grafana import queries
from tests.main.agent import wait_until
from tests.storage.scraped_agent import scraped_agent


def test_every_query_has_an_answer(tmp_path):
    asked = queries("grafana-tasks.json")
    with scraped_agent(tmp_path) as agent:
        address = f"127.0.0.1:{agent.port}"
        with prometheus_server.start(tmp_path / "prometheus", scrape=[address], flags=()) as server:
            wait_until(
                lambda: not [title for title, query in asked.items() if not server.query(query)],
                "an answer to every query",
                30,
            )
        agent.agent.end()
