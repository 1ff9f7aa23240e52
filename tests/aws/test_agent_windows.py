"""Windows of the CloudWatch agent: every one once, with the time of its start, whatever happens."""

import random
import signal
import time

import pytest

from tests.aws.proxy import Fault
from tests.aws.test_cloudwatch_agent import FAST, agent, ended, until
from wca.cloudwatch import AgentOptions, configuration_of
from wca.cloudwatch.options import Values
from wca.components import load_registry
from wca.config import load_text
from wca.metrics import Metric
from wca.testing import FakeClock

MINUTE = 60


class Hurried(FakeClock):
    """A clock whose waits are over at once, and come a little late, as those of a busy machine."""

    def __init__(self, now):
        super().__init__(now=now)
        self._late = random.Random(8)

    def wait(self, event, seconds):
        return super().wait(event, seconds + self._late.uniform(0, 0.4))


def published(aws, seconds, begin, **options):
    """What an agent publishes in so many seconds, which pass as fast as it can go."""
    options = AgentOptions("Test", "web", **options)
    runner = load_text(configuration_of(options), load_registry([])).runner
    runner._clock = clock = Hurried(begin)  # the clock that is injected where it is made in Python
    runner.metrics_storage.blocking = False  # time does not outrun the thread that it would have
    runner.stop_after(int(seconds / options.sample_interval))
    runner.run()
    return aws.data("MemoryUtilization"), clock.now()


@pytest.mark.parametrize(("period", "seconds"), [(60, 10 * MINUTE), (300, 60 * MINUTE)])
def test_every_window_comes_once_with_its_start_for_its_time(aws, period, seconds):
    begin = time.time() // 300 * 300 - seconds + 137.5
    data, end = published(aws, seconds, begin, period=period)
    first, last = (int(at // period * period) for at in (begin, end))
    times = [one["Timestamp"] for one in data]
    assert times == list(range(first, last + 1, period))
    assert aws.refused == []
    assert {one["Unit"] for one in data} == {"Percent"}
    most = aws.data("MaxMemoryUtilization")
    assert [one["Timestamp"] for one in most] == times
    pairs = zip(data, most, strict=True)
    assert all(0 < one["Value"] <= other["Value"] <= 100 for one, other in pairs)


def test_medians_and_maxima_are_those_of_the_samples(aws):
    text = configuration_of(AgentOptions("Test", "web", more=True))
    storage = load_text(text, load_registry([])).runner.metrics_storage
    storage.start()
    start = time.time() // 60 * 60 - 120
    for second, (cpu, memory) in enumerate([(0.1, 0.4), (0.75, 0.2), (0.2, 0.9)]):
        batch = {"platform_cpu_utilization_ratio": cpu, "platform_mem_utilization_ratio": memory}
        storage.store(
            [Metric(name, of, {}, "gauge", timestamp=start + second) for name, of in batch.items()]
        )
    storage.close()
    assert {one["MetricName"]: one["Value"] for one in aws.data()} == {
        "CPUUtilization": pytest.approx(20),
        "MaxCPUUtilization": pytest.approx(75),
        "MemoryUtilization": pytest.approx(40),
        "MaxMemoryUtilization": pytest.approx(90),
    }


def test_all_samples_of_a_window_count_and_no_more(aws):
    begin = time.time() // 300 * 300 - 1800
    data, _ = published(aws, 1800, begin, period=300, values=Values.STATISTICS)
    counts = [one["StatisticValues"]["SampleCount"] for one in data]
    assert sum(counts) == int(1800 / 0.9)
    assert all(330 <= count <= 336 for count in counts[1:-1])


def test_a_distribution_has_the_value_of_each_sample(aws):
    begin = time.time() // 300 * 300 - 1800
    published(aws, 1800, begin, period=300, values=Values.DISTRIBUTION)
    data = [one for one in aws.data("MemoryUtilization") if "Values" in one]
    single = [one for one in aws.data("MemoryUtilization") if "Value" in one]
    assert sum(sum(one["Counts"]) for one in data) + len(single) == int(1800 / 0.9)
    assert all(len(one["Values"]) <= 150 for one in data)
    assert all(0 <= value <= 100 for one in data for value in one["Values"])
    assert {one["Timestamp"] % 300 for one in data + single} == {0}
    assert aws.refused == []


def test_a_last_window_that_is_cut_short_keeps_its_start(aws):
    process = agent(
        *("--period", "300", "--sample-interval", "0.1", "--scope", "host"),
        environment=aws.environment(),
    )
    time.sleep(1.5)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 0
    assert {one["Timestamp"] % 300 for one in aws.data()} == {0}


def test_measuring_goes_on_while_something_is_being_published(aws):
    aws.faults.append(Fault(delay=2.5, passes=True, status=200))
    process = agent(*FAST, "--values", "statistics", environment=aws.environment())
    until(lambda: len(aws.data("MemoryUtilization")) >= 4)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 0
    data = aws.data("MemoryUtilization")
    times = [one["Timestamp"] for one in data]
    assert times == list(range(int(times[0]), int(times[0]) + len(times)))
    assert min(one["StatisticValues"]["SampleCount"] for one in data[1:-1]) >= 5
