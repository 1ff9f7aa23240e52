"""The servers, started once."""

import pytest

from tests.workers import servers


@pytest.fixture(scope="session")
def running_redis(tmp_path_factory):
    with servers.redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def redis_server(running_redis):
    """A ``servers.RedisServer`` that is empty."""
    running_redis.empty()
    return running_redis


@pytest.fixture(scope="session")
def running_postgres():
    with servers.postgres_server() as running:
        yield running


@pytest.fixture
def postgres(running_postgres):
    """A ``servers.PostgresServer`` that is empty."""
    running_postgres.empty()
    return running_postgres
