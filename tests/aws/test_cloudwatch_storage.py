"""CloudWatchStorage against moto, behind a proxy that is as strict as AWS."""

import json
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aws.proxy import BROKEN, CLOSED, THROTTLED, Fault
from tests.aws.test_cloudwatch_agent import until
from wca.errors import FailedDeliveryException, StartError, ValidationError
from wca.metrics import Metric
from wca.storage import CloudWatchStorage
from wca.storage.cloudwatch_client.datum import Datum, MergedInto
from wca.storage.cloudwatch_client.datums import Datums
from wca.storage.cloudwatch_client.naming import naming
from wca.storage.cloudwatch_client.unsent import Unsent
from wca.storage.delivery import Parcel
from wca.storage.network import MAX_SPOOL_AGE, MAX_SPOOL_BYTES

QUICK = {"first_retry": 0.01, "longest_retry": 0.02}


def gauge(name="cpu", value=1.0, *, timestamp=None, unit=None, **labels):
    return Metric(name, value, labels, "gauge", unit=unit, timestamp=timestamp)


def counter(name, value, **labels):
    return Metric(name, value, labels, "counter", unit="numeric")


class Publishing:
    """A storage that is started and closed, and its books."""

    def __init__(self, **options):
        options.setdefault("queue", QUICK)
        self.storage = CloudWatchStorage("Test", **options)
        self.storage.start()

    def __call__(self, *metrics):
        self.storage.store(list(metrics))

    def close(self, timeout=5.0):
        self.storage.close(timeout)
        account = self.storage.ledger.account
        return {"delivered": account.delivered, "waiting": account.waiting, **account.dropped}


def test_a_sample_is_a_datum_with_its_time_its_unit_and_its_dimensions(aws):
    publish = Publishing(
        dimensions={"ServiceName": "web"},
        label_dimensions={"task_name": "Task"},
        metrics={"cpu": {"name": "CPUUtilization", "unit": "Percent"}},
    )
    now = round(time.time())
    publish(
        gauge(value=35.5, timestamp=now, task_name="shop", host="a"),
        gauge("mem", 2048, timestamp=now, unit="bytes"),
    )
    assert publish.close()["delivered"] == 2
    cpu, mem = aws.data()
    assert cpu == {
        "MetricName": "CPUUtilization",
        "Dimensions": [
            {"Name": "ServiceName", "Value": "web"},
            {"Name": "Task", "Value": "shop"},
        ],
        "Timestamp": now,
        "Unit": "Percent",
        "StorageResolution": 60,
        "Value": 35.5,
    }
    assert (mem["Unit"], mem["Value"]) == ("Bytes", 2048)
    assert mem["Dimensions"] == [{"Name": "ServiceName", "Value": "web"}]


def test_samples_that_are_one_metric_there_are_one_statistic_set(aws):
    publish = Publishing()
    now = time.time()
    publish(*(gauge(value=value, timestamp=now, task_id=str(value)) for value in (1.0, 5.0, 3.0)))
    assert publish.close()["delivered"] == 3
    (datum,) = aws.data()
    assert datum["StatisticValues"] == {
        "SampleCount": 3,
        "Sum": 9,
        "Minimum": 1,
        "Maximum": 5,
    }


def test_or_their_values_and_how_often_each_came(aws):
    publish = Publishing(merged_into="values")
    now = time.time()
    publish(*(gauge(value=value, timestamp=now) for value in (1.0, 5.0, 1.0, 3.0)), gauge("one"))
    assert publish.close()["delivered"] == 5
    (datum,) = aws.data("cpu")
    assert (datum["Values"], datum["Counts"]) == ([1, 5, 3], [2, 1, 1])
    assert not {"Value", "StatisticValues"} & set(datum)
    assert aws.data("one")[0]["Value"] == 1
    assert aws.refused == []


def test_more_than_150_different_values_are_several_data_of_one_time(aws):
    publish = Publishing(merged_into="values")
    now = round(time.time())
    values = [float(n % 400) for n in range(1000)]
    publish(*(gauge(value=value, timestamp=now) for value in values))
    assert publish.close()["delivered"] == 1000
    assert [len(one["Values"]) for one in aws.data()] == [150, 150, 100]
    assert {one["Timestamp"] for one in aws.data()} == {now}
    assert counted(aws.data()) == Counter(values)
    assert aws.refused == []


def test_many_long_data_are_cut_by_bytes(aws):
    publish = Publishing(merged_into="values", label_dimensions=["task_name"])
    now = time.time()
    publish(
        *(
            gauge(value=n + task / 7, timestamp=now, task_name=f"task-{task}")
            for task in range(400)
            for n in range(150)
        )
    )
    assert publish.close()["delivered"] == 60_000
    assert len(aws.data()) == 400
    assert len(aws.requests) > 1  # a thousand data would have been allowed
    assert max(one.size for one in aws.requests) < 1_000_000
    assert aws.refused == []


def counted(data):
    """How often each value came in data of one metric."""
    found = Counter()
    for one in data:
        found.update(dict(zip(one["Values"], map(int, one["Counts"]), strict=True)))
    return found


@given(st.lists(st.integers(0, 400), min_size=2, max_size=2000))
def test_no_value_is_lost_or_counted_twice_however_many_there_are(values):
    now = time.time()
    datums, rejected = Datums(naming(None, None, None), MergedInto.VALUES).of(
        [gauge(value=value, timestamp=now) for value in values], now
    )
    data = [one.as_json(60) for one in datums]
    assert counted([one for one in data if "Values" in one]) + Counter(
        one["Value"] for one in data if "Value" in one
    ) == Counter(map(float, values))
    assert all(len(one.get("Values", ())) <= 150 for one in data)
    assert sum(one.samples for one in datums) == len(values)
    assert rejected == []


def test_four_metrics_are_the_statistic_set_that_they_are_parts_of(aws):
    publish = Publishing(statistic_sets=["cpu"])
    now = time.time()
    parts = {"count": 60, "sum": 600, "min": 2, "max": 20}
    publish(*(gauge(f"cpu_{name}", value, timestamp=now) for name, value in parts.items()))
    publish(gauge("cpu_min", 1.0, timestamp=now))
    books = publish.close()
    assert (books["delivered"], books["rejected"]) == (4, 1)
    (datum,) = aws.data()
    assert datum["MetricName"] == "cpu"
    assert list(datum["StatisticValues"].values()) == [60, 600, 2, 20]


def test_data_are_not_compared_with_one_another_however_many_there_are(monkeypatch):
    compared = "data are compared with one another"
    monkeypatch.setattr(Datum, "__eq__", lambda *_: pytest.fail(compared))
    datums, rejected = Datums(naming(None, None, None)).of(
        [gauge(f"m{n}", timestamp=0.0) for n in range(20_000)], 0.0
    )
    assert (len(datums), rejected) == (20_000, [])


def test_of_a_counter_its_growth_is_sent(aws):
    publish = Publishing(label_dimensions=["task_id"])
    for total in (100, 130, 130, 7):
        publish(counter("faults", total, task_id="a"), gauge())
    assert publish.close() == {
        **dict.fromkeys(publish.storage.ledger.account.dropped, 0),
        "delivered": 8,
        "waiting": 0,
    }
    assert [one["Value"] for one in aws.data("faults")] == [30, 0, 7]
    assert {one["Unit"] for one in aws.data("faults")} == {"Count"}


def test_a_batch_is_cut_by_number_and_by_bytes_and_compressed(aws):
    publish = Publishing(label_dimensions=["task_name", "long"])
    now = time.time()
    publish(*(gauge(f"m{n}", n, timestamp=now, task_name="x") for n in range(2500)))
    publish(*(gauge(f"n{n}", n, timestamp=now, long="y" * 1000) for n in range(1500)))
    assert publish.close()["delivered"] == 4000
    sizes = [len(one.arguments["MetricData"]) for one in aws.requests]
    assert sizes[:3] == [1000, 1000, 500]
    assert sum(sizes) == 4000
    assert max(sizes[3:]) < 1000
    assert max(one.size for one in aws.requests) < 1_000_000
    assert all(one.wire_size < one.size / 3 for one in aws.requests)
    assert aws.refused == []


@pytest.mark.parametrize(
    "metric",
    [
        gauge(value=float("nan")),
        gauge(value=float("inf")),
        gauge(value=2.0**361),
        gauge(value=10**400),
        gauge(value="5"),
        gauge(value=True),
        gauge(":cpu"),
        gauge("cpü"),
        gauge("x" * 256),
        gauge(timestamp=time.time() - 15 * 86_400),
        gauge(timestamp=time.time() + 3 * 3600),
        gauge(task_name="é"),
        gauge(task_name="x" * 1025),
        gauge(task_name="  "),
    ],
)
def test_what_cloudwatch_would_refuse_costs_that_sample_only(aws, metric):
    publish = Publishing(label_dimensions=["task_name"])
    publish(metric, gauge("good"))
    books = publish.close()
    assert (books["delivered"], books["rejected"]) == (1, 1)
    assert aws.refused == []
    assert [one["MetricName"] for one in aws.data()] == ["good"]


def test_a_value_that_its_factor_makes_too_large_costs_that_sample_only(aws):
    publish = Publishing(metrics={"cpu": {"factor": 100}})
    publish(gauge("cpu", 2.0**359), gauge("good"))
    books = publish.close()
    assert (books["delivered"], books["rejected"]) == (1, 1)
    assert [one["MetricName"] for one in aws.data()] == ["good"]


def test_values_whose_sum_is_too_large_cost_their_metric_only(aws):
    publish = Publishing()
    now = time.time()
    publish(*[gauge("cpu", 1.7 * 2.0**359, timestamp=now)] * 2, gauge("good", timestamp=now))
    books = publish.close()
    assert (books["delivered"], books["rejected"]) == (1, 2)
    assert [one["MetricName"] for one in aws.data()] == ["good"]
    assert aws.refused == []


def test_an_empty_label_is_no_dimension(aws):
    publish = Publishing(label_dimensions=["task_name"])
    publish(gauge(task_name=""))
    publish.close()
    assert aws.data()[0]["Dimensions"] == []


@pytest.mark.parametrize(
    "fault",
    [
        THROTTLED,
        BROKEN,
        CLOSED,
        Fault(503, "ServiceUnavailable"),
        Fault(429, "TooManyRequestsException"),
        Fault(400, "ExpiredTokenException"),
        Fault(403, "AccessDenied"),
    ],
)
def test_what_passes_is_tried_again_with_the_same_time(aws, fault):
    aws.faults.extend([fault, fault])
    publish = Publishing()
    publish(gauge(timestamp=1_000_000.5 + round(time.time() - 1_000_000)))
    assert publish.close()["delivered"] == 1
    (datum,) = aws.data()
    assert datum["Timestamp"] % 1 == 0.5


def test_after_two_retries_a_request_is_skipped_and_the_next_one_goes_on(aws, caplog):
    aws.faults.extend([THROTTLED] * 3)
    publish = Publishing()
    publish(gauge(value=1.0))
    publish(gauge(value=2.0))
    until(lambda: aws.data())
    books = publish.close()
    assert (books["skipped"], books["delivered"]) == (1, 1)
    assert [one["Value"] for one in aws.data()] == [2.0]
    told = r"not published: cpu of \d{4}-\d\d-\d\dT\S+Z: given up after 2 retries: .*Throttling"
    assert re.search(told, caplog.text)
    assert (publish.storage.lost_at_end, publish.storage.unsent) == (0, [])


@pytest.mark.parametrize("code", ["InvalidSignatureException", "SomethingNew"])
def test_what_aws_quotes_of_a_request_does_not_reach_the_log(aws, caplog, code):
    """The text is that of AWS for a signature that does not match, with the token of a session."""
    quoted = "The Canonical String should have been 'POST x-amz-security-token:TOKEN-OF-A-ROLE'"
    aws.faults.extend([Fault(403, code, message=quoted)] * 3)
    publish = Publishing()
    publish(gauge())
    until(lambda: "not published" in caplog.text)
    publish.close()
    assert f"{code}: AWS does not accept the key" in caplog.text
    assert "TOKEN-OF-A-ROLE" not in caplog.text


def test_an_address_with_a_password_is_refused_without_telling_it(aws, monkeypatch):
    url = aws.url.replace("://", "://user:PASSWORD@")
    with pytest.raises(ValidationError, match="has a user name or a password in it") as refused:
        CloudWatchStorage("Test", endpoint_url=url)
    assert "PASSWORD" not in str(refused.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(StartError, match="has a user name or a password in it") as refused:
        CloudWatchStorage("Test").start()
    assert "PASSWORD" not in str(refused.value)


def test_what_could_not_be_published_at_the_end_has_a_name(aws):
    aws.down = Fault(503, "ServiceUnavailable")
    publish = Publishing(queue={"first_retry": 10})
    start = round(time.time()) // 60 * 60
    for at in (start - 60, start):
        names = [f"m{n}" for n in range(7)] if at == start else ["cpu", "mem"]
        publish(*(gauge(name, timestamp=at) for name in names))
    publish.storage.close(0.2)
    assert publish.storage.lost_at_end == 9
    first, second = publish.storage.unsent
    assert re.fullmatch(r"cpu, mem of \S+:00Z", first)
    assert re.fullmatch(r"m0, m1, m2, m3, m4 and 2 others of \S+:00Z", second)


def test_what_is_given_up_at_the_end_counts_whatever_the_reason(aws):
    aws.faults.append(Fault(413, "RequestEntityTooLarge", delay=0.3))
    publish = Publishing()
    publish(gauge("cpu"), gauge("mem"))
    publish.close()
    assert publish.storage.lost_at_end == 2


def test_of_an_endless_outage_the_newest_hundred_requests_are_told():
    unsent = Unsent()
    parcels = [
        Parcel(json.dumps({"MetricData": [{"MetricName": "m", "Timestamp": n}]}).encode(), 1, n)
        for n in range(250)
    ]
    for parcel in parcels:
        unsent.add([parcel])
    assert len(unsent.subjects()) == 100
    assert unsent.subjects()[0] == "m of 1970-01-01T00:02:30Z"
    unsent.settle(parcels[150])
    unsent.settle(parcels[0])
    assert unsent.subjects()[0] == "m of 1970-01-01T00:02:31Z"


def test_what_the_document_says_of_a_spool_is_what_a_spool_does_when_nothing_else_is_said():
    text = (Path(__file__).parents[2] / "docs" / "cloudwatch.md").read_text()
    assert (MAX_SPOOL_AGE, MAX_SPOOL_BYTES) == (7 * 86_400, 1 << 30)
    assert "for seven days, in a file of 1 GiB at most" in text.replace("\n", " ")


def test_with_a_spool_nothing_is_skipped(aws, tmp_path):
    aws.down = Fault(503, "ServiceUnavailable")
    spool = {"path": str(tmp_path / "spool")}
    publish = Publishing(spool=spool)
    times = [round(time.time()) - 300 + 60 * n for n in range(5)]
    for at in times:
        publish(gauge(timestamp=at))
    assert publish.close(0.5)["delivered"] == 0
    aws.down = None
    assert Publishing(spool=spool).close()["delivered"] == 5
    assert [one["Timestamp"] for one in aws.data()] == times


def test_what_is_wrong_with_a_request_is_not_tried_again(aws):
    aws.faults.append(Fault(400, "InvalidParameterValue"))
    publish = Publishing()
    publish(gauge())
    publish(gauge())
    books = publish.close()
    assert (books["refused"], books["delivered"]) == (1, 1)


def test_an_answer_that_comes_late_is_waited_for(aws):
    aws.faults.append(Fault(delay=0.5, passes=True, status=200))
    publish = Publishing()
    publish(gauge())
    publish.close()
    assert len(aws.data()) == 1


def test_blocking_raises_what_went_wrong(aws):
    publish = Publishing(delivery="blocking", queue=None)
    aws.faults.append(BROKEN)
    with pytest.raises(FailedDeliveryException, match="InternalServiceFault"):
        publish(gauge())
    publish(gauge())
    assert len(aws.data()) == 1


def test_a_dry_run_prints_and_needs_nothing(monkeypatch):
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    lines = []
    publish = Publishing(
        dry_run=True,
        write=lines.append,
        dimensions={"ServiceName": "web"},
        metrics={"cpu": {"unit": "Percent"}},
    )
    publish(gauge(value=35.25, timestamp=0.0 + round(time.time()) // 86_400 * 86_400))
    publish.close()
    (line,) = lines
    assert line.startswith("Test ")
    assert line.endswith("T00:00:00Z cpu{ServiceName=web} 35.25 Percent")


def test_what_is_emitted_is_logged_for_those_who_ask(aws, caplog):
    caplog.set_level("INFO", "wca.cloudwatch")
    publish = Publishing()
    publish(gauge(value=4.0))
    publish.close()
    assert "cpu{} 4 None" in caplog.text


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("AWS_DEFAULT_REGION", "no region: write region"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_what_is_missing_is_said_at_the_start(aws, monkeypatch, missing, said):
    monkeypatch.delenv(missing)
    with pytest.raises(StartError, match=said):
        CloudWatchStorage("Test").start()


def test_a_region_that_is_none_is_said_at_the_start(aws):
    with pytest.raises(StartError, match=r"AWS cannot be used: .*'not a region'"):
        CloudWatchStorage("Test", region="not a region").start()


def test_without_any_credentials_it_says_where_they_may_come_from(aws, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(StartError, match="no credentials: set AWS_ACCESS_KEY_ID"):
        CloudWatchStorage("Test").start()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"namespace": ""}, "no namespace"),
        ({"namespace": "AWS/EC2"}, "those of AWS"),
        ({"namespace": ":x"}, "colon"),
        ({"namespace": "x" * 256}, "at most 255"),
        ({"dimensions": {"a": ""}}, "value of the dimension a"),
        ({"dimensions": {":a": "b"}}, "must not begin with a colon"),
        ({"metrics": {"cpu": {"unit": "percent"}}}, "is no unit"),
        ({"metrics": {"cpu": {"name": ""}}}, "not printable ASCII text, or blank"),
        ({"label_dimensions": {"task": ""}}, "name of a dimension"),
    ],
)
def test_names_that_cloudwatch_refuses_are_refused_when_it_is_built(options, said):
    with pytest.raises(ValidationError, match=said):
        CloudWatchStorage(**{"namespace": "Test", **options})
