"""States and status checks of EC2, against moto behind a proxy that is as strict as AWS."""

import logging
import threading
import time

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aws.proxy import BROKEN, CLOSED, DENIED, LIMITED, Fault
from tests.workers.clouds import HERE, cloud
from wca.errors import StartError
from wca.testing.clock import FakeClock
from wca.workers import AwsAccount
from wca.workers.api import CloudError
from wca.workers.aws.batches import batches_of, halves_of
from wca.workers.aws.errors import AwsError, Kind
from wca.workers.aws.sessions import ClientOptions, Sessions
from wca.workers.aws.status import StatusReader, named_ids, status_of
from wca.workers.model import Action, Checks, Gone, InstanceState, ScheduledEvent, Shard, Status

STATUS = "DescribeInstanceStatus"
MISSING = "i-0123456789abcdef0"


def test_a_hundred_instances_are_asked_for_in_one_call(aws, run_instances):
    ids = run_instances(105)
    with cloud() as aws_cloud:
        answer = aws_cloud.status(HERE, ids)
    assert set(answer.by_id) == set(ids)
    assert answer.problems == ()
    asked = [
        sum(key.startswith("InstanceId.") for key in request.arguments)
        for request in aws.requests
        if request.action == STATUS
    ]
    assert asked == [100, 5]
    assert aws.refused == []


def test_an_instance_that_does_not_run_is_told_as_well(aws, run_instances):
    running, stopped, ended = run_instances(3)
    client = boto3.client("ec2")
    client.stop_instances(InstanceIds=[stopped])
    client.terminate_instances(InstanceIds=[ended])
    with cloud() as aws_cloud:
        by_id = aws_cloud.status(HERE, [running, stopped, ended]).by_id
    assert by_id[running] == Status(running, InstanceState.RUNNING, Checks("ok", "ok", "ok"))
    assert by_id[stopped].state is InstanceState.STOPPED
    assert by_id[stopped].checks.system == "not-applicable"
    assert by_id[ended].state is InstanceState.TERMINATED


def test_checks_that_fail_and_events_are_told(aws, run_instances):
    (id_,) = run_instances()
    aws.ec2.checks[id_] = {"system": "impaired", "instance": "initializing", "ebs": "impaired"}
    aws.ec2.events[id_] = [
        {
            "instanceEventId": "instance-event-1",
            "code": "system-reboot",
            "description": "scheduled reboot",
            "notBefore": "2026-12-01T00:00:00.000Z",
        },
        {
            "instanceEventId": "instance-event-2",
            "code": "instance-stop",
            "description": "[Completed] stop",
        },
    ]
    with cloud() as aws_cloud:
        status = aws_cloud.status(HERE, [id_]).by_id[id_]
    assert status.checks == Checks("impaired", "initializing", "impaired")
    assert status.events == (
        ScheduledEvent("instance-event-1", "system-reboot", "scheduled reboot", 1_796_083_200.0),
    )


def test_an_instance_that_is_gone_does_not_cost_the_others_their_answer(aws, run_instances):
    ids = run_instances(20)
    with cloud() as aws_cloud:
        by_id = aws_cloud.status(HERE, [*ids, MISSING, "i-00000000"]).by_id
    assert by_id[MISSING] == Gone(MISSING)
    assert by_id["i-00000000"] == Gone("i-00000000")
    assert all(isinstance(by_id[id_], Status) for id_ in ids)
    assert aws.attempts[STATUS] == 2


def test_what_is_no_id_is_gone_and_is_told(aws, run_instances):
    (id_,) = run_instances()
    with cloud() as aws_cloud:
        answer = aws_cloud.status(HERE, ["i-xyz", id_, id_, ""])
    assert answer.by_id["i-xyz"] == Gone("i-xyz")
    assert isinstance(answer.by_id[id_], Status)
    assert answer.problems == (
        "eu-west-1: 'i-xyz' is not the id of an instance",
        "eu-west-1: '' is not the id of an instance",
    )
    assert aws.refused == []


def test_a_bad_id_that_is_not_named_is_found(aws, run_instances):
    good = run_instances(40)

    class Nameless:
        def __init__(self, aws_cloud):
            self.call_it = aws_cloud.calls.call
            self.calls = 0

        def __call__(self, shard, api, **arguments):
            self.calls += 1
            try:
                return self.call_it(shard, api, **arguments)
            except CloudError as error:
                error.told = "an id is bad"
                raise

    with cloud() as aws_cloud:
        aws_cloud.calls.call = nameless = Nameless(aws_cloud)
        by_id = aws_cloud.status(HERE, [*good[:13], MISSING, *good[13:]]).by_id
    assert by_id[MISSING] == Gone(MISSING)
    assert {id_ for id_ in by_id if isinstance(by_id[id_], Status)} == set(good)
    assert nameless.calls < 16


def test_a_batch_that_fails_costs_its_own_instances_only(aws, run_instances):
    ids = run_instances(105)
    with cloud() as aws_cloud:
        aws.faults += [Fault(answers=True), Fault(500, "InternalError")]
        answer = aws_cloud.status(HERE, ids)
    assert set(answer.by_id) == set(ids[:100])
    assert answer.problems == (
        (
            "eu-west-1, DescribeInstanceStatus: InternalError: injected; it is tried again with "
            "the next poll"
        ),
    )


@pytest.mark.parametrize(
    ("fault", "told", "lasting"),
    [
        (
            DENIED,
            (
                "UnauthorizedOperation: injected; allow ec2:DescribeInstanceStatus to the agent's user "
                "or role"
            ),
            True,
        ),
        (LIMITED, "RequestLimitExceeded: injected; AWS limits the rate: poll less often", False),
        (BROKEN, "InternalServiceFault: injected; it is tried again with the next poll", False),
        (CLOSED, "see the network, the proxy, the name of the region and endpoint_url", False),
        (
            Fault(401, "AuthFailure"),
            "AuthFailure: injected; AWS does not accept the credentials of the agent's user or role",
            True,
        ),
        (
            Fault(403, "OptInRequired"),
            "OptInRequired: injected; correct the region, or enable it in the account",
            True,
        ),
    ],
    ids=["denied", "throttled", "broken", "closed", "credentials", "region"],
)
def test_nothing_at_all_is_one_sentence_that_says_where_and_what_to_do(aws, fault, told, lasting):
    aws.down = fault
    with cloud() as aws_cloud, pytest.raises(CloudError) as caught:
        aws_cloud.status(HERE, [MISSING])
    message = str(caught.value)
    assert message.startswith("eu-west-1, DescribeInstanceStatus: ")
    assert told in message
    assert "\n" not in message
    assert caught.value.lasting is lasting


def test_what_is_missing_for_all_batches_is_asked_for_once(aws):
    aws.down = DENIED
    ids = [f"i-{number:017x}" for number in range(1000)]
    with cloud() as aws_cloud, pytest.raises(CloudError):
        aws_cloud.status(HERE, ids)
    assert aws.attempts[STATUS] == 1


def test_a_region_that_does_not_exist_is_told(aws, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with cloud() as aws_cloud, pytest.raises(CloudError, match=r"eu west 1, Desc.*region"):
        aws_cloud.status(Shard("", "eu west 1"), [MISSING])


def test_an_endpoint_that_nobody_listens_on_is_told(aws):
    with (
        cloud(endpoint_url="http://127.0.0.1:9") as aws_cloud,
        pytest.raises(CloudError, match=r"http://127.0.0.1:9/.*; see the network"),
    ):
        aws_cloud.status(HERE, [MISSING])


def test_credentials_that_are_missing_are_told_at_the_start(aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StartError, match="set AWS_ACCESS_KEY_ID"), cloud():
        pass


def test_a_throttled_call_is_tried_again(aws, run_instances):
    (id_,) = run_instances()
    aws.faults.append(LIMITED)
    with cloud(attempts=2) as aws_cloud:
        assert isinstance(aws_cloud.status(HERE, [id_]).by_id[id_], Status)
        assert aws_cloud.measurements()["wca_aws_requests"][STATUS] == 2


def test_a_region_that_does_not_answer_is_left_alone_for_a_while(aws, run_instances):
    (id_,) = run_instances()
    (there,) = run_instances(region="us-east-1")
    aws.down = BROKEN
    clock = FakeClock()
    with cloud(clock=clock) as aws_cloud:

        def fails():
            with pytest.raises(CloudError) as caught:
                aws_cloud.status(HERE, [id_])
            return str(caught.value)

        for _ in range(5):
            fails()
        assert "held back for 30 s more" in fails()
        assert aws.attempts[STATUS] == 5
        assert aws_cloud.measurements()["wca_aws_held_back"] == {"/eu-west-1": 1}
        aws.down = None
        elsewhere = aws_cloud.status(Shard("", "us-east-1"), [there])
        assert isinstance(elsewhere.by_id[there], Status)
        clock.advance(31)
        assert isinstance(aws_cloud.status(HERE, [id_]).by_id[id_], Status)
        held_back = aws_cloud.measurements()["wca_aws_held_back"]
    assert held_back == {"/eu-west-1": 0, "/us-east-1": 0}


def test_calls_beyond_the_rate_wait_for_their_turn(aws, run_instances):
    clock = FakeClock()
    (id_,) = run_instances()
    with cloud(clock=clock) as aws_cloud:
        for _ in range(8):
            aws_cloud.act(HERE, id_, Action.REBOOT)
    assert clock.waits == pytest.approx([1.0, 1.0, 1.0])


def test_so_many_calls_are_made_at_once_and_no_more(aws):
    lock, now, peak = threading.Lock(), 0, 0

    def ask(_):
        nonlocal now, peak
        with lock:
            now += 1
            peak = max(peak, now)
        time.sleep(0.01)
        with lock:
            now -= 1

    with cloud(max_concurrency=3) as aws_cloud:
        aws_cloud.calls.each(ask, range(20))
    assert peak == 3


def test_a_closed_cloud_says_so(aws):
    with cloud() as aws_cloud:
        pass
    with pytest.raises(CloudError, match="AwsCloud is closed"):
        aws_cloud.status(HERE, [MISSING])


def test_clients_are_made_once_for_a_region_and_a_service(aws):
    sessions = Sessions({"": None}, ClientOptions(), lambda *_: None)
    client = sessions.client(HERE, "ec2")
    assert sessions.client(HERE, "ec2") is client
    assert sessions.client(HERE, "cloudwatch") is not client
    assert sessions.client(Shard("", "us-east-1"), "ec2") is not client
    sessions.close()


class PickyEc2:
    """EC2 that refuses a batch with a bad id in one of three ways; AWS' own cannot be had."""

    def __init__(self, bad, naming, code="InvalidInstanceID.NotFound"):
        self.bad = bad
        self.naming = naming
        self.code = code
        self.count = 0

    def each(self, ask, batches):
        return [ask(batch) for batch in batches]

    def call(self, shard, api, **arguments):
        self.count += 1
        ids = arguments["InstanceIds"]
        assert 0 < len(ids) <= 100
        bad = [id_ for id_ in ids if id_ in self.bad]
        if bad:
            named = {"all": bad, "one": bad[:1], "none": []}[self.naming]
            told = f"The instance IDs '{', '.join(named)}' do not exist"
            raise AwsError("refused", Kind.INVALID, self.code, told)
        return {"InstanceStatuses": [{"InstanceId": id_} for id_ in ids]}


@given(
    st.integers(1, 250).flatmap(
        lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1)))
    ),
    st.sampled_from(["all", "one", "none"]),
)
def test_bad_ids_are_gone_and_no_good_one_ever_is(instances, naming):
    count, positions = instances
    ids = [f"i-{number:017x}" for number in range(count)]
    bad = {ids[position] for position in positions}
    calls = PickyEc2(bad, naming)
    answer = StatusReader(calls).read(HERE, ids)
    gone = {id_ for id_, status in answer.by_id.items() if isinstance(status, Gone)}
    assert gone <= bad
    assert calls.count <= 51 * 3
    left_out = set(ids) - set(answer.by_id)
    assert bool(left_out) == bool(answer.problems)
    if naming == "all" or (naming == "one" and len(bad) < 50) or len(bad) <= 4:
        assert left_out == set()
        assert gone == bad


def test_ids_that_are_all_refused_without_a_name_do_not_cost_a_call_each():
    ids = [f"i-{number:017x}" for number in range(100)]
    calls = PickyEc2(set(ids), "none", "InvalidParameterValue")
    answer = StatusReader(calls).read(HERE, ids)
    assert answer.by_id == {}
    assert answer.problems
    assert calls.count <= 51


class TestAccounts:
    ROLE = "arn:aws:iam::111111111111:role/wca"

    def accounts(self):
        return [AwsAccount("prod", self.ROLE, external_id="s3cret-word")]

    def test_a_role_is_assumed_in_the_account_of_a_worker(self, aws, run_instances):
        sts = boto3.client("sts").assume_role(RoleArn=self.ROLE, RoleSessionName="test")
        given_ = sts["Credentials"]
        (there,) = run_instances(
            credentials={
                "aws_access_key_id": given_["AccessKeyId"],
                "aws_secret_access_key": given_["SecretAccessKey"],
                "aws_session_token": given_["SessionToken"],
            }
        )
        with cloud(accounts=self.accounts()) as aws_cloud:
            assert aws_cloud.status(HERE, [there]).by_id[there] == Gone(there)
            found = aws_cloud.status(Shard("prod", "eu-west-1"), [there]).by_id[there]
            again = aws_cloud.status(Shard("prod", "us-east-1"), [there]).by_id[there]
        assert isinstance(found, Status)
        assert again == Gone(there)
        assumed = [one.arguments for one in aws.requests if one.action == "AssumeRole"]
        assert len(assumed) == 2  # one of the test, one for both regions
        assert assumed[1]["ExternalId"] == "s3cret-word"

    def test_a_role_that_may_not_be_assumed_is_told(self, aws, caplog):
        aws.down = Fault(403, "AccessDenied", of="AssumeRole")
        with (
            caplog.at_level(logging.WARNING),
            cloud(accounts=self.accounts()) as aws_cloud,
            pytest.raises(CloudError) as caught,
        ):
            aws_cloud.status(Shard("prod", "eu-west-1"), [MISSING])
        message = str(caught.value)
        assert message.startswith("account prod, eu-west-1, DescribeInstanceStatus: AssumeRole: ")
        assert f"let the agent's user or role assume {self.ROLE}, and see external_id" in message
        assert "s3cret-word" not in message + caplog.text + repr(self.accounts())
        assert "Traceback" not in caplog.text

    def test_an_account_that_is_not_configured_is_told(self, aws):
        with cloud(accounts=self.accounts()) as aws_cloud, pytest.raises(CloudError) as caught:
            aws_cloud.status(Shard("test", "eu-west-1"), [MISSING])
        assert str(caught.value) == (
            "account test, eu-west-1: accounts of AwsCloud has no 'test' (it has: prod); add it "
            "there, or correct the account of the workers"
        )
        assert caught.value.lasting

    def test_two_accounts_of_one_name_are_refused(self):
        with (
            pytest.raises(ValueError, match="two accounts are named 'prod'"),
            cloud(accounts=[AwsAccount("prod"), AwsAccount("prod")]),
        ):
            pass

    @pytest.mark.parametrize(
        "fields", [{"name": ""}, {"name": "a/b"}, {"name": "a", "role_arn": "wca"}]
    )
    def test_an_account_that_cannot_be_is_refused(self, fields):
        with pytest.raises(ValueError, match=r"name is a word|role_arn is like"):
            AwsAccount(**fields)


class TestActing:
    def state(self, id_):
        found = boto3.client("ec2").describe_instances(InstanceIds=[id_])
        return found["Reservations"][0]["Instances"][0]["State"]["Name"]

    def test_an_instance_is_stopped_started_and_rebooted(self, aws, run_instances):
        (id_,) = run_instances()
        with cloud() as aws_cloud:
            aws_cloud.act(HERE, id_, Action.STOP)
            assert self.state(id_) == "stopped"
            aws_cloud.act(HERE, id_, Action.START)
            assert self.state(id_) == "running"
            aws_cloud.act(HERE, id_, Action.REBOOT)
        assert aws.attempts["RebootInstances"] == 1

    def test_what_may_not_be_done_is_told(self, aws, run_instances):
        (id_,) = run_instances()
        aws.down = DENIED
        with cloud() as aws_cloud, pytest.raises(CloudError, match="allow ec2:RebootInstances to"):
            aws_cloud.act(HERE, id_, Action.REBOOT)


def test_a_state_that_is_new_to_us_is_unknown():
    status = status_of({"InstanceId": "i-1", "InstanceState": {"Name": "dreaming"}})
    assert status == Status("i-1", InstanceState.UNKNOWN)


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("The instance IDs 'i-1, i-2' do not exist", {"i-1", "i-2"}),
        ("The instance ID 'i-2' does not exist", {"i-2"}),
        ('Invalid id: "i-1"', {"i-1"}),
        ('Invalid id: "i-11" (expecting "i-...")', set()),
    ],
)
def test_the_ids_that_an_error_names_are_found(message, named):
    assert named_ids(message, ["i-1", "i-2", "i-3"]) == named


@given(st.lists(st.integers()), st.integers(1, 50))
def test_batches_are_few_and_full_and_lose_nothing(items, most):
    batches = batches_of(items, most)
    assert [item for batch in batches for item in batch] == items
    assert all(len(batch) == most for batch in batches[:-1])
    assert all(0 < len(batch) <= most for batch in batches)


@given(st.lists(st.integers(), min_size=2))
def test_halves_are_never_empty(items):
    one, other = halves_of(items)
    assert [*one, *other] == items
    assert one
    assert other
