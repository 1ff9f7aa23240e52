"""What is kept in MongoDB, on a server that speaks its protocol: FerretDB."""

import itertools

import pymongo
import pytest

from tests.workers.keeping.mongo import mongo_server
from wca.errors import StartError
from wca.testing import JobStoreContract, WorkerStoreContract
from wca.testing.worker_stores import a_state
from wca.workers.schedule.servers import MongoJobStore
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
