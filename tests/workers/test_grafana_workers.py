"""Every query of the dashboard of a fleet has an answer in a real Prometheus that holds our series."""

from tests import prometheus_server
from tests.grafana import queries
from tests.main.agent import Agent, wait_until


def test_every_query_has_an_answer(site, tmp_path):
    _, config, url = site
    asked = queries("grafana-workers.json")
    with (
        Agent("-c", config),
        prometheus_server.start(
            tmp_path / "prometheus", scrape=[url.removeprefix("http://")], flags=()
        ) as server,
    ):
        unanswered = dict(asked)

        def answered():
            for title, query in list(unanswered.items()):
                if server.query(query):
                    del unanswered[title]
            return not unanswered

        try:
            wait_until(answered, "an answer to every query", 40)
        except AssertionError:
            raise AssertionError(f"without an answer: {unanswered}") from None
