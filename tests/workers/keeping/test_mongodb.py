"""What is kept in MongoDB, on a server that speaks its protocol: FerretDB."""

import itertools

import pymongo
import pytest

from tests.workers.keeping.mongo import mongo_server
from tests.workers.seed_parts import kept_over_a_restart
from wca.errors import StartError
from wca.testing import JobStoreContract, WorkerStoreContract
from wca.testing.worker_stores import a_state
from wca.workers.job_stores.mongo import MongoJobStore
from wca.workers.schedule.api import Job
from wca.workers.stores.mongo import MongoWorkerStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

_numbers = itertools.count()


@pytest.fixture(scope="module")
def running_mongo(tmp_path_factory):
    with mongo_server(tmp_path_factory.mktemp("mongo")) as url:
        yield url


@pytest.fixture
def url(running_mongo):
    """Of a database that no other test uses."""
    return f"{running_mongo}/test{next(_numbers)}"


class TestMongoWorkerStoreContract(WorkerStoreContract):
    many = 600  # FerretDB looks at all of them to replace one

    @pytest.fixture(autouse=True)
    def place(self, url):
        self.url = url

    def store(self):
        return MongoWorkerStore(self.url)


class TestMongoJobStoreContract(JobStoreContract):
    @pytest.fixture(autouse=True)
    def place(self, url):
        self.url = url

    def store(self):
        return MongoJobStore(self.url)


def test_data_of_a_newer_wca_is_refused(url):
    store = MongoWorkerStore(url)
    store.save([a_state()])
    with pymongo.MongoClient(url) as client:
        client.get_default_database().versions.update_many({}, {"$set": {"version": 99}})
    newer = MongoWorkerStore(url)
    with pytest.raises(StartError, match="written by a newer WCA"):
        newer.start()
    newer.close()
    store.close()


def test_jobs_and_states_share_a_database(url):
    store, jobs = MongoWorkerStore(url), MongoJobStore(url)
    store.save([a_state()])
    assert list(jobs.load()) == []
    store.close()
    jobs.close()


def test_tasks_of_the_seed_are_kept_over_a_restart_beside_the_jobs_of_a_runner(url):
    jobs = MongoJobStore(url)
    jobs.save([Job("prod/eu-west-1", 60.0, 6.0, 5.0)])
    server, _, database = url.removeprefix("mongodb://").partition("/")
    host, _, port = server.partition(":")
    assert kept_over_a_restart({"mongo_uri": url})
    assert kept_over_a_restart(
        {
            "mongo_host": host,
            "mongo_port": int(port),
            "mongo_database": database,
            "mongo_collection": "others",
        }
    )
    assert [job.key for job in jobs.load()] == ["prod/eu-west-1"]
    jobs.close()
