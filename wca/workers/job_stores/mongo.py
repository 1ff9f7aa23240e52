"""Jobs in MongoDB."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from wca.config.types import Duration, Injected, Secret, Str
from wca.workers.connections.failures import begin
from wca.workers.connections.mongo import MongoDatabase, check_mongo_url
from wca.workers.schedule.api import Job, JobStore
from wca.workers.stores.codec import decoded_all, encoded

__all__ = ["MongoJobStore"]


class MongoJobStore(JobStore):
    """Keeps jobs in a collection of MongoDB, as JSON.

    Agents may share it, as ``RedisJobStore``. Needs the package pymongo
    (``pip install 'wca[mongodb]'``).

    Args:
        url: such as ``mongodb://user:password@host:27017/wca``; the database is ``wca`` where the
            address names none.
        collection: in which jobs are kept.
        timeout: to wait for a server, and for each answer.
        title: what messages call it.

    Raises:
        ValidationError: ``url`` is no address of MongoDB.
    """

    def __init__(
        self,
        url: Annotated[str, Str(2000), Secret()],
        collection: Annotated[str, Str(100)] = "jobs",
        timeout: Annotated[float, Duration(0.1, 60)] = 5.0,
        *,
        title: Annotated[str, Injected()] = "MongoJobStore",
    ) -> None:
        check_mongo_url(url)
        self._title = title
        self._collection = collection
        self._mongo = MongoDatabase(title, url, timeout)

    def start(self) -> None:
        """Connect; raises StartError where that will never work."""
        begin(self.load)

    def close(self, timeout: float = 5.0) -> None:
        """Close the connections.

        Args:
            timeout: not needed, closing waits for nothing.
        """
        del timeout
        self._mongo.close()

    def load(self) -> Sequence[Job]:
        """All jobs."""
        with self._mongo.database() as database:
            texts = [one.get("value", "") for one in database[self._collection].find()]
        return decoded_all(Job, texts, self._title)

    def save(self, jobs: Iterable[Job]) -> None:
        """Keep these."""
        with self._mongo.database() as database:
            for job in jobs:
                one = {"_id": job.key, "value": encoded(job)}
                database[self._collection].replace_one({"_id": job.key}, one, upsert=True)

    def remove(self, keys: Iterable[str]) -> None:
        """Keep these no longer."""
        with self._mongo.database() as database:
            database[self._collection].delete_many({"_id": {"$in": list(keys)}})
