"""Readings of CloudWatch, against a proxy that answers as AWS does."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aws.proxy import BROKEN, DENIED, Fault
from tests.workers.clouds import CPU, HERE, MEMORY, NOW, cloud
from wca.testing.clock import FakeClock
from wca.workers.api import CloudError
from wca.workers.aws.dimensions import dimensions_by_instance
from wca.workers.aws.windows import Window, combined, reading_of, window_of
from wca.workers.history.points import point_of
from wca.workers.model import MetricQuery, Reading, Sample, Shard, Verdict, Worker, WorkerState
from wca.workers.monitoring.measurements import worker_measurements
from wca.workers.rules.threshold import ThresholdRule

#: Begin of the newest period of five minutes that is settled at NOW.
LAST = (NOW - 120) // 300 * 300 - 300
#: The same of one minute.
LAST_MINUTE = (NOW - 120) // 60 * 60 - 60
ONE, TWO, THREE = (f"i-{number:017x}" for number in (1, 2, 3))
UNKNOWN = Reading(Verdict.FAILED)


def fill(aws, id_, *points, metric="CPUUtilization", region="eu-west-1"):
    """CPU of an instance: values of the last settled period and of those before it."""
    seeded = [(LAST - 300 * ago, value) for ago, value in enumerate(points)]
    aws.cloudwatch.seed(region, "AWS/EC2", metric, {"InstanceId": id_}, seeded)


def fill_memory(aws, id_, value, at=LAST_MINUTE, **dimensions):
    dimensions = {"InstanceId": id_, **dimensions}
    aws.cloudwatch.seed("eu-west-1", "CWAgent", "mem_used_percent", dimensions, [(at, value)])


def cpu(measured, id_):
    return measured.by_id[id_]["cpu"]


def calls(aws, action):
    return [request.arguments for request in aws.requests if request.action == action]


def test_a_value_zero_and_no_data_are_three_verdicts(aws):
    fill(aws, ONE, 12.5, 80.0)
    fill(aws, TWO, 0.0, 80.0)
    with cloud() as aws_cloud:
        measured = aws_cloud.measure(HERE, [ONE, TWO, THREE], [CPU], NOW)
    assert cpu(measured, ONE) == Reading(Verdict.VALUE, 12.5, LAST)
    assert cpu(measured, TWO) == Reading(Verdict.ZERO, 0.0, LAST)
    assert cpu(measured, THREE) == Reading(Verdict.NO_DATA)
    assert measured.problems == ()


def test_a_point_that_may_still_change_is_not_read(aws):
    fill(aws, ONE, 10.0)
    changing = {"InstanceId": ONE}
    aws.cloudwatch.seed("eu-west-1", "AWS/EC2", "CPUUtilization", changing, [(LAST + 300, 99.0)])
    with cloud() as aws_cloud:
        assert cpu(aws_cloud.measure(HERE, [ONE], [CPU], NOW), ONE).value == 10.0


def test_an_old_point_is_stale(aws):
    dimensions = {"InstanceId": ONE}
    aws.cloudwatch.seed("eu-west-1", "AWS/EC2", "CPUUtilization", dimensions, [(LAST - 600, 7.0)])
    with cloud() as aws_cloud:
        reading = cpu(aws_cloud.measure(HERE, [ONE], [CPU], NOW), ONE)
    assert reading == Reading(Verdict.STALE, 7.0, LAST - 600)


def test_another_namespace_another_region_and_more_dimensions_are_other_metrics(aws):
    fill(aws, ONE, 50.0, region="us-east-1")
    points = [(LAST, 1000.0)]
    aws.cloudwatch.seed("eu-west-1", "Mine", "CPUUtilization", {"InstanceId": ONE}, points)
    more = {"InstanceId": ONE, "Core": "0"}
    aws.cloudwatch.seed("eu-west-1", "AWS/EC2", "CPUUtilization", more, points)
    with cloud() as aws_cloud:
        assert cpu(aws_cloud.measure(HERE, [ONE], [CPU], NOW), ONE).verdict is Verdict.NO_DATA
        there = aws_cloud.measure(Shard("", "us-east-1"), [ONE], [CPU], NOW)
        assert cpu(there, ONE).value == 50.0


def test_five_hundred_metrics_are_asked_for_in_one_call(aws):
    ids = [f"i-{number:017x}" for number in range(1100)]
    for number, id_ in enumerate(ids):
        fill(aws, id_, float(number + 1))
    with cloud() as aws_cloud:
        measured = aws_cloud.measure(HERE, ids, [CPU], NOW)
        counted = aws_cloud.measurements()
    assert [cpu(measured, id_).value for id_ in ids] == [float(n + 1) for n in range(1100)]
    asked = calls(aws, "GetMetricData")
    assert sorted(len(one["MetricDataQueries"]) for one in asked) == [100, 500, 500]
    assert {(one["StartTime"], one["EndTime"]) for one in asked} == {(LAST - 600, LAST + 300)}
    assert counted["wca_aws_metrics_requested"] == 1100
    assert counted["wca_aws_requests"]["GetMetricData"] == 3
    assert aws.refused == []


def test_an_answer_in_pages_is_read_to_its_end(aws):
    ids = [ONE, TWO, THREE]
    for number, id_ in enumerate(ids, 1):
        fill(aws, id_, *(float(number + ago) for ago in range(3)))
    aws.cloudwatch.points_on_page = 2
    with cloud() as aws_cloud:
        measured = aws_cloud.measure(HERE, ids, [CPU], NOW)
    assert [cpu(measured, id_) for id_ in ids] == [
        Reading(Verdict.VALUE, float(number), LAST) for number in (1, 2, 3)
    ]
    assert len(calls(aws, "GetMetricData")) == 5


def test_a_metric_that_cloudwatch_fails_to_read_is_not_without_data(aws):
    fill(aws, ONE, 5.0)
    network = MetricQuery("network", "AWS/EC2", "NetworkIn", stat="Sum")
    aws.cloudwatch.broken.add("NetworkIn")
    with cloud() as aws_cloud:
        measured = aws_cloud.measure(HERE, [ONE], [CPU, network], NOW)
    assert measured.by_id[ONE] == {"cpu": Reading(Verdict.VALUE, 5.0, LAST), "network": UNKNOWN}


def test_a_metric_that_is_forbidden_is_told(aws):
    fill(aws, ONE, 5.0)
    network = MetricQuery("network", "AWS/EC2", "NetworkIn", stat="Sum")
    aws.cloudwatch.forbidden.add("NetworkIn")
    with cloud() as aws_cloud:
        measured = aws_cloud.measure(HERE, [ONE], [CPU, network], NOW)
    assert measured.by_id[ONE]["network"] == UNKNOWN
    assert measured.problems == (
        (
            "eu-west-1, GetMetricData: CloudWatch forbids NetworkIn of AWS/EC2; allow "
            "cloudwatch:GetMetricData"
        ),
    )


def test_a_query_that_is_refused_costs_only_itself(aws):
    fill(aws, ONE, 5.0)
    odd = MetricQuery("odd", "AWS/EC2", "CPUUtilization", period=90)
    with cloud() as aws_cloud:
        measured = aws_cloud.measure(HERE, [ONE], [odd, CPU], NOW)
    assert measured.by_id[ONE] == {"odd": UNKNOWN, "cpu": Reading(Verdict.VALUE, 5.0, LAST)}
    assert "GetMetricData: ValidationError: period 90" in measured.problems[0]


def test_throttled_and_failed_are_verdicts_of_their_own(aws):
    ids = [f"i-{number:017x}" for number in range(1500)]
    fill(aws, ids[0], 5.0)
    late = Fault(answers=True, of="GetMetricData")
    aws.faults += [late, Fault(400, "ThrottlingException"), Fault(500, "InternalServiceFault")]
    with cloud(max_concurrency=1) as aws_cloud:
        measured = aws_cloud.measure(HERE, ids, [CPU], NOW)
        failed = aws_cloud.measurements()["wca_aws_failed_requests"]
    assert [cpu(measured, ids[at]).verdict for at in (0, 1, 500, 1000)] == [
        Verdict.VALUE,
        Verdict.NO_DATA,
        Verdict.THROTTLED,
        Verdict.FAILED,
    ]
    assert len(measured.problems) == 2
    assert +Counter(failed["GetMetricData"]) == {"throttled": 1, "failed": 1}


def test_throttling_alone_is_no_error_of_the_whole_question(aws):
    aws.down = Fault(400, "ThrottlingException")
    with cloud() as aws_cloud:
        measured = aws_cloud.measure(HERE, [ONE, TWO], [CPU], NOW)
    assert {cpu(measured, id_).verdict for id_ in (ONE, TWO)} == {Verdict.THROTTLED}
    assert "ThrottlingException" in measured.problems[0]


@pytest.mark.parametrize(
    ("fault", "told"), [(DENIED, "allow cloudwatch:GetMetricData to"), (BROKEN, "next poll")]
)
def test_nothing_at_all_is_one_sentence(aws, fault, told):
    aws.down = fault
    with cloud() as aws_cloud, pytest.raises(CloudError, match=told):
        aws_cloud.measure(HERE, [ONE], [CPU], NOW)


def test_nobody_asked_for_is_no_question(aws):
    with cloud() as aws_cloud:
        assert aws_cloud.measure(HERE, [], [CPU, MEMORY], NOW).by_id == {}
        assert aws_cloud.status(HERE, []).by_id == {}
    assert not aws.attempts["GetMetricData"]


class TestDiscovery:
    def memory(self, aws_cloud, *ids):
        measured = aws_cloud.measure(HERE, ids, [MEMORY], NOW)
        return [measured.by_id[id_]["memory"] for id_ in ids]

    def test_each_instance_has_its_own_dimensions(self, aws):
        fill_memory(aws, ONE, 30.0)
        fill_memory(aws, TWO, 40.0, ImageId="ami-1", InstanceType="m5.large")
        with cloud() as aws_cloud:
            assert self.memory(aws_cloud, ONE, TWO, THREE) == [
                Reading(Verdict.VALUE, 30.0, LAST_MINUTE),
                Reading(Verdict.VALUE, 40.0, LAST_MINUTE),
                Reading(Verdict.NO_DATA),
            ]
            counted = aws_cloud.measurements()
        assert counted["wca_aws_metrics_requested"] == 2
        assert calls(aws, "ListMetrics") == [
            {
                "Namespace": "CWAgent",
                "MetricName": "mem_used_percent",
                "Dimensions": [{"Name": "InstanceId"}],
                "RecentlyActive": "PT3H",
            }
        ]

    def test_metrics_are_listed_page_by_page(self, aws):
        ids = [f"i-{number:017x}" for number in range(600)]
        for id_ in ids:
            fill_memory(aws, id_, 10.0)
        with cloud() as aws_cloud:
            assert {one.value for one in self.memory(aws_cloud, *ids)} == {10.0}
        assert aws.attempts["ListMetrics"] == 2

    def test_metrics_are_listed_hourly_and_sooner_for_a_new_instance(self, aws):
        fill_memory(aws, ONE, 30.0)
        clock = FakeClock()
        with cloud(clock=clock) as aws_cloud:
            listed = []
            for seconds, ids in [
                (0, [ONE]),
                (3599, [ONE]),
                (1, [ONE]),
                (899, [ONE, TWO]),
                (1, [ONE, TWO]),
            ]:
                clock.advance(seconds)
                self.memory(aws_cloud, *ids)
                listed.append(aws.attempts["ListMetrics"])
        assert listed == [1, 1, 2, 2, 3]

    def test_an_old_list_is_used_while_there_is_no_new_one(self, aws):
        fill_memory(aws, ONE, 30.0)
        clock = FakeClock()
        with cloud(clock=clock) as aws_cloud:
            self.memory(aws_cloud, ONE)
            clock.advance(4000)
            aws.down = Fault(500, "InternalFailure", of="ListMetrics")
            measured = aws_cloud.measure(HERE, [ONE], [MEMORY], NOW)
        assert measured.by_id[ONE]["memory"].value == 30.0
        assert "ListMetrics: InternalFailure" in measured.problems[0]

    def test_without_any_list_nothing_is_known(self, aws):
        fill(aws, ONE, 5.0)
        aws.down = Fault(403, "AccessDenied", of="ListMetrics")
        with cloud() as aws_cloud:
            measured = aws_cloud.measure(HERE, [ONE], [CPU, MEMORY], NOW)
        assert measured.by_id[ONE]["cpu"].value == 5.0
        assert measured.by_id[ONE]["memory"] == UNKNOWN
        assert "allow cloudwatch:ListMetrics" in measured.problems[0]

    def test_the_smallest_sets_of_dimensions_count(self):
        def metric(**dimensions):
            return {"Dimensions": [{"Name": n, "Value": v} for n, v in dimensions.items()]}

        found = dimensions_by_instance(
            [
                metric(InstanceId="i-1", device="a"),
                metric(InstanceId="i-1"),
                metric(InstanceId="i-2", b="2", a="2"),
                metric(InstanceId="i-2", b="2", a="1"),
                metric(InstanceId="i-2", b="2", a="1", c="3"),
                metric(host="x"),
            ]
        )
        assert found == {
            "i-1": ((("InstanceId", "i-1"),),),
            "i-2": (
                (("InstanceId", "i-2"), ("a", "1"), ("b", "2")),
                (("InstanceId", "i-2"), ("a", "2"), ("b", "2")),
            ),
        }


DISK = MetricQuery("disk", "CWAgent", "disk_used_percent", period=60, dimensions=None)
LEAST = replace(DISK, name="least", stat="Minimum")
ROOT, DATA = "device=nvme0n1,fstype=ext4,path=/", "device=nvme1n1,fstype=xfs,path=/data"


class TestDisks:
    """The CloudWatch agent publishes a metric of each disk, under dimensions of its own."""

    def fill(self, aws, id_, value, part, at=LAST_MINUTE, **more):
        names = dict(one.split("=") for one in part.split(","))
        dimensions = {"InstanceId": id_, "InstanceType": "m5.large", **names, **more}
        aws.cloudwatch.seed("eu-west-1", "CWAgent", DISK.metric, dimensions, [(at, value)])

    def test_each_disk_is_read_and_the_fullest_stands_for_all(self, aws):
        self.fill(aws, ONE, 20.0, ROOT)
        self.fill(aws, ONE, 97.0, DATA)
        self.fill(aws, TWO, 30.0, ROOT)
        with cloud() as aws_cloud:
            measured = aws_cloud.measure(HERE, [ONE, TWO, THREE], [DISK, LEAST], NOW)
            counted = aws_cloud.measurements()
        both = {ROOT: 20.0, DATA: 97.0}
        assert measured.by_id[ONE]["disk"] == Reading(Verdict.VALUE, 97.0, LAST_MINUTE, both)
        assert measured.by_id[ONE]["least"].value == 20.0
        assert measured.by_id[TWO]["disk"].parts == {ROOT: 30.0}
        assert measured.by_id[THREE]["disk"] == Reading(Verdict.NO_DATA)
        assert counted["wca_aws_metrics_requested"] == 6  # which is what AWS is paid for

    def test_a_rule_judges_the_worst_and_names_it(self, aws):
        self.fill(aws, ONE, 20.0, ROOT)
        self.fill(aws, ONE, 97.0, DATA)
        with cloud() as aws_cloud:
            reading = aws_cloud.measure(HERE, [ONE], [DISK], NOW).by_id[ONE]["disk"]
        one = Sample(Worker("w", "eu-west-1", ONE), NOW, None, {"disk": reading})
        above = ThresholdRule("disk", above=90).judge(one, None)
        assert (above.active, above.what) == (True, (DATA,))
        assert above.summary == f"disk of w ({DATA}) is 97, above 90"
        below = ThresholdRule("disk", below=25).judge(one, None)
        assert (below.active, below.value) == (True, 20.0)

    def test_what_nobody_can_write_is_left_out(self, aws):
        self.fill(aws, ONE, 20.0, ROOT)
        self.fill(aws, ONE, 100.0, "device=loop0,fstype=squashfs,path=/snap/core")
        with cloud() as aws_cloud:
            reading = aws_cloud.measure(HERE, [ONE], [DISK], NOW).by_id[ONE]["disk"]
        assert reading.parts == {ROOT: 20.0}

    def test_a_disk_that_was_taken_away_and_another_type_of_instance_are_no_second_disk(self, aws):
        self.fill(aws, ONE, 99.0, DATA, at=LAST_MINUTE - 600)
        self.fill(aws, ONE, 80.0, ROOT, at=LAST_MINUTE - 60)
        self.fill(aws, ONE, 20.0, ROOT, InstanceType="m5.xlarge")
        with cloud() as aws_cloud:
            reading = aws_cloud.measure(HERE, [ONE], [DISK], NOW).by_id[ONE]["disk"]
        assert reading == Reading(Verdict.VALUE, 20.0, LAST_MINUTE, {ROOT: 20.0})

    def test_where_one_cannot_be_asked_nothing_is_known(self, aws):
        ids = [f"i-{number:017x}" for number in range(300)]
        for id_ in ids:
            self.fill(aws, id_, 20.0, ROOT)
            self.fill(aws, id_, 30.0, DATA)
        aws.faults += [
            Fault(answers=True, of="GetMetricData"),
            Fault(400, "ThrottlingException", of="GetMetricData"),
        ]
        with cloud(max_concurrency=1) as aws_cloud:
            measured = aws_cloud.measure(HERE, ids, [DISK], NOW).by_id
        assert [measured[ids[at]]["disk"].verdict for at in (0, 299)] == [
            Verdict.VALUE,
            Verdict.THROTTLED,
        ]

    def test_history_and_metrics_have_a_series_for_each(self):
        reading = Reading(Verdict.VALUE, 97.0, NOW, {ROOT: 20.0, DATA: 97.0})
        one = Worker("w", "eu-west-1", ONE)
        named = {"disk": 97.0, f"disk: {ROOT}": 20.0, f"disk: {DATA}": 97.0}
        assert point_of(Sample(one, NOW, None, {"disk": reading})).values == named
        states = {"w": WorkerState(one, readings={"disk": reading})}
        assert worker_measurements([one], states)["worker_reading"] == {"w": named}


READINGS = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "b", "c"]),
        st.sampled_from(Verdict).flatmap(
            lambda verdict: st.builds(
                lambda value, at: (
                    Reading(verdict, 0.0 if verdict is Verdict.ZERO else value, at)
                    if verdict in (Verdict.VALUE, Verdict.ZERO, Verdict.STALE)
                    else Reading(verdict)
                ),
                st.floats(1, 100),
                st.floats(0, 10),
            )
        ),
    ).filter(lambda one: one[1].verdict is not Verdict.SKIPPED),
    max_size=6,
)


@given(READINGS, st.booleans())
def test_several_parts_make_one_reading_that_one_of_them_could_have(parts, least):
    made = combined(parts, least=least)
    verdicts = {one.verdict for _, one in parts}
    for unknown in (Verdict.THROTTLED, Verdict.FAILED):
        if unknown in verdicts:
            assert made == Reading(unknown)
            return
    if not parts:
        assert made == Reading(Verdict.NO_DATA)
        return
    settled = [one.value for _, one in parts if one.verdict in (Verdict.VALUE, Verdict.ZERO)]
    if settled:
        assert made.value in settled
        assert set(made.parts.values()) <= set(settled)
        bound = (min if least else max)([*made.parts.values(), made.value])
        assert made.value == bound
        assert made.at == max(
            one.at for _, one in parts if one.verdict in (Verdict.VALUE, Verdict.ZERO)
        )


PERIODS = st.sampled_from([60, 120, 300, 3600])
SECONDS = st.floats(0, 4000)


@given(st.floats(1e6, 4e9), PERIODS, st.floats(60, 10_800), SECONDS)
def test_a_window_is_of_whole_settled_periods_and_long_enough(now, period, lookback, settle):
    window = window_of(now, period, lookback, settle)
    assert window.start % period == window.end % period == 0
    assert window.end + settle <= now + 1e-6
    assert window.end + period + settle > now - 1e-6, "a settled period is left out"
    assert lookback <= window.end - window.start < lookback + period + 1e-6 or window.periods == 1
    assert window.periods >= 1


@given(st.lists(st.tuples(st.integers(-5, 20), st.floats(0, 100)), unique_by=lambda one: one[0]))
def test_the_newest_point_in_the_window_is_the_reading(points):
    window = Window(900, 3600, 300)
    found = [(at * 300.0, value) for at, value in points]
    reading = reading_of(found, window)
    inside = [one for one in found if 900 <= one[0] < 3600]
    if not inside:
        assert reading == Reading(Verdict.NO_DATA)
        return
    assert (reading.at, reading.value) == max(inside)
    stale = reading.at < 3000
    zero = Verdict.ZERO if reading.value == 0 else Verdict.VALUE
    assert reading.verdict is (Verdict.STALE if stale else zero)
