"""One AWS for all tests of this folder."""

import pytest

from tests.aws.proxy import Aws


@pytest.fixture(scope="session")
def running_aws():
    aws = Aws()
    yield aws
    aws.close()


@pytest.fixture
def aws(running_aws, monkeypatch):
    running_aws.reset()
    for name, value in running_aws.environment().items():
        monkeypatch.setenv(name, value)
    return running_aws
