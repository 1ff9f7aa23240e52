"""What is left out is said, once, and does not fill the log."""

import logging

from wca.metrics import Metric
from wca.storage.encoding import Rejected
from wca.storage.rejections import Rejections


def rejected(*names, reason="it is odd"):
    return [Rejected(Metric(name, 1.0), reason) for name in names]


def lines(caplog, *batches):
    found = Rejections("A storage", logging.getLogger("test"))
    with caplog.at_level(logging.WARNING):
        for batch in batches:
            found.add(batch)
    return found.count, [record.getMessage() for record in caplog.records]


def test_each_metric_is_named_once_and_every_sample_counted(caplog):
    count, said = lines(caplog, rejected("a", "a"), rejected("a", "b"))
    assert count == 4
    assert said == [
        "A storage: metric a is not stored: it is odd",
        "A storage: metric b is not stored: it is odd",
    ]


def test_metrics_of_one_batch_and_reason_share_a_line(caplog):
    names = [f"m{number}" for number in range(13)]
    _, said = lines(caplog, rejected(*names) + rejected("a", reason="it is old"))
    assert said == [
        f"A storage: metrics {', '.join(names[:10])} and 3 more are not stored: it is odd",
        "A storage: metric a is not stored: it is old",
    ]


def test_beyond_a_thousand_names_they_are_only_counted(caplog):
    batches = [rejected(*(f"m{number}-{index}" for index in range(300))) for number in range(5)]
    count, said = lines(caplog, *batches)
    assert count == 1500
    assert len(said) == 5
    assert said[-1] == "A storage: further rejected metrics are only counted"
