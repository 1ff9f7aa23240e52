"""The handler of the example that tells webhooks, without the rest of the application."""

import importlib.util
import logging
import socket
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "worker_monitoring" / "application"


@pytest.fixture(scope="module")
def webhooks():
    """The module of the example."""
    spec = importlib.util.spec_from_file_location("example_webhooks", EXAMPLE / "webhooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def violate(handler, count):
    for number in range(count):
        handler._handle_threshold_violation(f"w{number}", f"w{number}", "cpu", 95.0, 90.0)


def test_a_webhook_that_never_answers_does_not_keep_the_application_from_ending(webhooks, caplog):
    caplog.set_level(logging.WARNING, "wca.workers.webhooks")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}/hook"
        handler = webhooks.WebhookNotificationHandler([address], 90.0, 90.0)
        handler.start()
        violate(handler, webhooks.MOST_WAITING + 2)
        handler.close(timeout=0.2)
    # One more or less is being posted.
    assert any(
        one.endswith(" violations were not posted before the end") for one in caplog.messages
    )


def test_a_handler_that_was_never_started_may_be_closed(webhooks):
    handler = webhooks.WebhookNotificationHandler([], 90.0, 90.0)
    handler.close()
    handler.start()
    handler.close()
    handler.close()
