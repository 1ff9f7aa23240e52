"""Where lists of workers come from."""

import logging
import sqlite3

import boto3
import pytest

from tests.aws.proxy import DENIED, Fault
from tests.workers.clouds import cloud
from wca.components import load_registry
from wca.config import load_component
from wca.errors import ConfigLoadError, StartError, ValidationError
from wca.telemetry import Telemetry
from wca.testing.clock import FakeClock
from wca.workers import AwsAccount, Ec2TagWorkers, SqlWorkers, StaticWorkers, UnionWorkers
from wca.workers.api import SourceError, WorkerSource
from wca.workers.model import Gap, Worker
from wca.workers.sources.kept import KeptWorkers

ONE = Worker("w1", "eu-west-1", "i-00000000000000001", name="one")
TWO = Worker("w2", "us-east-1", "i-00000000000000002")


class Listing(WorkerSource):
    """A source that a test fills, or lets fail."""

    def __init__(self, *workers):
        self.list = list(workers)
        self.error = None

    def workers(self):
        if self.error:
            raise self.error
        return list(self.list)


class Other(Listing):
    pass


class TestStatic:
    def test_workers_are_those_of_the_file(self):
        source = StaticWorkers(
            [
                {"instance_id": "i-1", "region": "eu-west-1"},
                {
                    "id": "w2",
                    "instance_id": "i-2",
                    "region": "us-east-1",
                    "account": "prod",
                    "name": "second",
                    "tags": {"role": "worker"},
                },
            ]
        )
        assert list(source.workers()) == [
            Worker("i-1", "eu-west-1", "i-1"),
            Worker("w2", "us-east-1", "i-2", "prod", "second", {"role": "worker"}),
        ]

    def test_two_workers_of_one_id_are_refused_with_both_places(self):
        one = {"id": "a", "instance_id": "i-1", "region": "eu-west-1"}
        with pytest.raises(ValidationError, match=r"workers\[0\] and workers\[2\] have the id 'a'"):
            StaticWorkers([one, {**one, "id": "b"}, {**one, "instance_id": "i-2"}])

    @pytest.mark.parametrize("lacking", ["instance_id", "region"])
    def test_a_worker_without_a_place_is_refused(self, lacking):
        fields = {"instance_id": "i-1", "region": "eu-west-1", lacking: ""}
        with pytest.raises(ValidationError, match=rf"workers\[0\].{lacking} is empty"):
            StaticWorkers([fields])


class TestKept:
    def test_a_source_that_fails_keeps_its_last_good_list(self, caplog):
        source, telemetry, clock = Listing(ONE), Telemetry(), FakeClock()
        kept = KeptWorkers("mine", source, telemetry, clock)
        assert kept.age is None
        assert kept.workers() == [ONE]
        clock.advance(300)
        source.error = SourceError("the table is locked")
        assert kept.workers() == kept.workers() == [ONE]
        assert kept.age == 300
        assert telemetry.healthy("mine") is False
        assert telemetry.failures("mine") == 2
        assert caplog.messages == ["mine fails: the table is locked"]
        source.error, source.list = None, [TWO]
        telemetry.begin_round()
        assert kept.workers() == [TWO]
        telemetry.begin_round()
        assert telemetry.healthy("mine") is True

    def test_without_a_good_list_the_failure_is_passed_on(self):
        source = Listing()
        source.error = RuntimeError("boom")
        with pytest.raises(SourceError, match="RuntimeError: boom"):
            KeptWorkers("mine", source).workers()


class TestUnion:
    def test_the_first_worker_of_an_id_counts_and_both_places_are_told(self, caplog):
        double = Worker("w1", "us-east-1", "i-9", account="prod")
        union = UnionWorkers([Listing(ONE), Other(TWO, double)])
        assert union.workers() == union.workers() == [ONE, TWO]
        assert caplog.messages == [
            (
                "worker id w1 is in Listing (i-00000000000000001 in eu-west-1) and Other (i-9 in "
                "prod us-east-1): the first one counts"
            )
        ]

    def test_a_source_that_fails_costs_the_others_nothing(self):
        first, second, telemetry = Listing(ONE), Other(TWO), Telemetry()
        union = UnionWorkers([first, second])
        kept = KeptWorkers("UnionWorkers", union, telemetry)
        second.error = SourceError("away")
        assert kept.workers() == [ONE]
        second.error = None
        assert kept.workers() == [ONE, TWO]
        second.error = SourceError("away")
        first.list = []
        assert kept.workers() == [TWO]
        assert telemetry.failures("Other") == 2
        assert telemetry.failures("UnionWorkers") == 0

    def test_a_source_that_has_never_given_its_list_may_have_any_worker(self):
        first, second = Listing(ONE), Other(TWO)
        union = UnionWorkers([first, second])
        second.error = SourceError("away")
        assert union.workers() == [ONE]
        assert union.gaps() == [Gap()]
        second.error = None
        union.workers()
        assert union.gaps() == []
        second.error = SourceError("away")  # its last good list is in use
        assert union.workers() == [ONE, TWO]
        assert union.gaps() == []

    def test_without_any_list_all_reasons_are_told(self):
        first, second = Listing(), Other()
        first.error, second.error = SourceError("away"), SourceError("locked")
        with pytest.raises(
            SourceError, match="no source has a list of workers: Listing: away; Other: locked"
        ):
            UnionWorkers([first, second]).workers()

    def test_sources_are_started_and_closed_with_it(self):
        log = []

        class Living(Listing):
            def start(self):
                log.append("start")

            def close(self, timeout):
                log.append(timeout)

        union = UnionWorkers([Living(), Listing()])
        union.start()
        union.close(4.0)
        assert log == ["start", 2.0]

    def test_no_source_is_refused(self):
        with pytest.raises(ValidationError, match="sources is empty"):
            UnionWorkers([])


class TestEc2Tags:
    def test_instances_with_the_tags_are_workers_in_all_regions(self, run_instances):
        (one,) = run_instances(1, role="worker", Name="first", env="prod")
        (other,) = run_instances(1, "us-east-1", role="worker", env="test")
        run_instances(2, role="database")
        with cloud() as aws_cloud:
            source = Ec2TagWorkers(
                ["eu-west-1", "us-east-1"],
                {"role": "worker", "env": ["prod", "te*"]},
                cloud=aws_cloud,
            )
            assert list(source.workers()) == [
                Worker(
                    one,
                    "eu-west-1",
                    one,
                    name="first",
                    tags={"role": "worker", "Name": "first", "env": "prod"},
                ),
                Worker(other, "us-east-1", other, tags={"role": "worker", "env": "test"}),
            ]

    def test_filters_of_ec2_can_be_added(self, run_instances):
        ids = run_instances(2)
        boto3.client("ec2").stop_instances(InstanceIds=ids[:1])
        with cloud() as aws_cloud:
            source = Ec2TagWorkers(
                ["eu-west-1"], filters={"instance-state-name": ["running"]}, cloud=aws_cloud
            )
            assert [worker.id for worker in source.workers()] == ids[1:]
            every = Ec2TagWorkers(["eu-west-1"], cloud=aws_cloud)
            assert {worker.id for worker in every.workers()} == set(ids)

    def test_pages_are_read_to_their_end(self, aws, run_instances, monkeypatch):
        monkeypatch.setattr("wca.workers.sources.ec2_tags._PAGE", 5)
        ids = [id_ for _ in range(7) for id_ in run_instances()]
        with cloud() as aws_cloud:
            workers = Ec2TagWorkers(["eu-west-1"], cloud=aws_cloud).workers()
        assert sorted(worker.id for worker in workers) == sorted(ids)
        assert aws.attempts["DescribeInstances"] == 2
        assert aws.refused == []

    def test_all_regions_that_an_account_has_enabled_are_asked(self, aws, run_instances):
        (one,) = run_instances(1, "ap-south-1")
        with cloud() as aws_cloud:
            workers = Ec2TagWorkers("all-enabled", cloud=aws_cloud).workers()
        assert [(worker.id, worker.region) for worker in workers] == [(one, "ap-south-1")]
        assert aws.attempts["DescribeInstances"] > 10

    def test_a_region_that_fails_keeps_its_list_and_costs_the_others_nothing(
        self, aws, run_instances
    ):
        (one,) = run_instances()
        (other,) = run_instances(1, "us-east-1")
        telemetry = Telemetry()
        with cloud() as aws_cloud:
            source = Ec2TagWorkers(["eu-west-1", "us-east-1"], cloud=aws_cloud)
            kept = KeptWorkers("Ec2TagWorkers", source, telemetry)
            aws.faults.append(DENIED)
            assert [worker.id for worker in kept.workers()] == [other]
            assert kept.gaps() == [Gap("", "eu-west-1")]
            assert [worker.id for worker in kept.workers()] == [one, other]
            assert kept.gaps() == []
            aws.down = Fault(500, "InternalError")
            assert [worker.id for worker in kept.workers()] == [one, other]
        assert telemetry.failures("Ec2TagWorkers /eu-west-1") == 2
        assert telemetry.failures("Ec2TagWorkers /us-east-1") == 1
        assert telemetry.failures("Ec2TagWorkers") == 0

    @pytest.mark.parametrize("regions", [["eu-west-1"], "all-enabled"])
    def test_without_any_list_the_reason_is_told(self, aws, regions):
        aws.down = DENIED
        with (
            cloud() as aws_cloud,
            pytest.raises(SourceError, match=r"allow ec2:Describe(Instances|Regions) to"),
        ):
            Ec2TagWorkers(regions, cloud=aws_cloud).workers()

    def test_accounts_are_those_of_the_cloud(self, aws):
        accounts = [AwsAccount("prod"), AwsAccount("test")]
        with cloud(accounts=accounts) as aws_cloud:
            all_of_them = Ec2TagWorkers(["eu-west-1"], cloud=aws_cloud)
            all_of_them.workers()
            assert aws.attempts["DescribeInstances"] == 2
            Ec2TagWorkers(["eu-west-1"], cloud=aws_cloud, accounts=["prod"]).workers()
            assert aws.attempts["DescribeInstances"] == 3
            with pytest.raises(
                ValidationError, match="accounts has 'dev', but the cloud has: prod, test"
            ):
                Ec2TagWorkers(["eu-west-1"], cloud=aws_cloud, accounts=["dev"])

    def test_alone_it_uses_the_agents_own_credentials(self, run_instances):
        ids = run_instances()
        source = Ec2TagWorkers(["eu-west-1"])
        source.start()
        assert [worker.id for worker in source.workers()] == ids
        source.close()

    def test_no_region_is_refused(self):
        with pytest.raises(ValidationError, match="regions is empty"):
            Ec2TagWorkers([])


class TestSql:
    @pytest.fixture
    def table(self, tmp_path):
        path = tmp_path / "fleet.sqlite"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE worker (uuid, aws_region, instance, label, labs)")
            connection.executemany(
                "INSERT INTO worker VALUES (?, ?, ?, ?, ?)",
                [
                    ("w1", "eu-west-1", "i-1", "one", 3),
                    ("w2", "us-east-1", None, None, None),
                    ("w3", None, "i-3", "three", 1),
                    ("w1", "eu-west-2", "i-4", "again", 1),
                ],
            )
        connection.close()
        return path

    QUERY = (
        "SELECT uuid AS id, aws_region AS region, instance AS instance_id, label AS name, labs "
        "FROM worker"
    )

    def test_rows_are_workers_and_further_columns_are_tags(self, table, caplog):
        source = SqlWorkers(f"sqlite:///{table}", self.QUERY)
        source.start()
        assert source.workers() == source.workers()
        assert list(source.workers()) == [
            Worker("w1", "eu-west-1", "i-1", name="one", tags={"labs": "3"}),
            Worker("w2", "us-east-1", ""),
        ]
        source.close()
        assert caplog.messages == [
            "SqlWorkers leaves out workers: row 3 has no region, and 1 more rows"
        ]

    def test_without_an_id_the_instance_is_the_id(self, table):
        query = "SELECT aws_region AS region, instance AS instance_id FROM worker WHERE labs = 3"
        assert list(SqlWorkers(f"sqlite:///{table}", query).workers()) == [
            Worker("i-1", "eu-west-1", "i-1")
        ]

    def test_nothing_can_be_written(self, table):
        with pytest.raises(ValidationError, match="query must be a SELECT"):
            SqlWorkers(f"sqlite:///{table}", "DELETE FROM worker")
        sly = "WITH old AS (SELECT 1) DELETE FROM worker RETURNING aws_region AS region, instance AS instance_id"
        with pytest.raises(SourceError, match="readonly database"):
            SqlWorkers(f"sqlite:///{table}", sly).workers()

    def test_a_file_that_is_missing_is_told_and_not_made(self, tmp_path):
        with pytest.raises(SourceError, match=r"none\.sqlite.*unable to open database file"):
            SqlWorkers(f"sqlite:///{tmp_path}/none.sqlite", "SELECT 1").workers()
        assert list(tmp_path.iterdir()) == []

    def test_a_query_that_lacks_a_column_is_told(self, table):
        source = SqlWorkers(f"sqlite:///{table}", "SELECT uuid AS id, label FROM worker")
        with pytest.raises(SourceError) as caught:
            source.workers()
        assert str(caught.value) == (
            "SqlWorkers: the query has no column region and no instance_id, it has id, label; name "
            "columns with AS"
        )

    def test_a_query_that_fails_is_told(self, table):
        with pytest.raises(SourceError, match="no such table: fleet; see url and query"):
            SqlWorkers(f"sqlite:///{table}", "SELECT * FROM fleet").workers()

    def test_a_database_that_is_away_is_told_without_the_password(self, caplog):
        url = "postgresql://wca:s3cret@127.0.0.1:9/fleet"
        with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
            SqlWorkers(url, "SELECT 1", timeout=1).workers()
        assert "postgresql://wca:***@127.0.0.1:9/fleet" in str(caught.value)
        assert "s3cret" not in str(caught.value) + caplog.text

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("nonsense", "url is not one of SQLAlchemy's"),
            ("oracledb+none://db/x", "needs a driver that is missing"),
            ("mysql+pymysql://wca:s3cret@db/x", "needs a driver that is missing"),
        ],
    )
    def test_a_url_that_cannot_be_used_is_told(self, url, told):
        with pytest.raises(StartError, match=told) as caught:
            SqlWorkers(url, "SELECT 1").start()
        assert "s3cret" not in str(caught.value)


CONFIGURATION = """
workers: !UnionWorkers
  sources:
    - !StaticWorkers
      workers:
        - {instance_id: i-00000000000000001, region: eu-west-1, name: one}
    - !Ec2TagWorkers
      regions: all-enabled
      tags: {role: worker, env: [prod, test]}
      cloud: !AwsCloud
        accounts:
          - !AwsAccount
            name: prod
            role_arn: arn:aws:iam::111111111111:role/wca
            external_id: !Env WCA_EXTERNAL_ID
        monthly_budget: 50
        settle: 2m
    - !SqlWorkers
      url: sqlite:////nowhere/fleet.sqlite
      query: SELECT * FROM worker
"""


def built(tmp_path, text):
    path = tmp_path / "workers.yaml"
    path.write_text(text)
    path.chmod(0o600)
    registry = load_registry(entry_points=())
    environ = {"WCA_EXTERNAL_ID": "s3cret"}
    return load_component(str(path), "workers", WorkerSource, registry, environ=environ)


def test_sources_are_built_from_a_file(tmp_path):
    assert isinstance(built(tmp_path, CONFIGURATION), UnionWorkers)


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("region: eu-west-1, ", "", "region"),
        ("all-enabled", "everywhere", "all-enabled"),
        ("name: prod\n", "name: a/b\n", "name is a word without a slash"),
        ("budget: 50", "budget: 0", "a number of at least 0.01"),
        ("SELECT *", "DROP", "query must be a SELECT"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(tmp_path, good, bad, told):
    with pytest.raises(ConfigLoadError) as caught:
        built(tmp_path, CONFIGURATION.replace(good, bad))
    (problem,) = caught.value.problems
    assert told in problem
    assert "workers.sources[" in problem
