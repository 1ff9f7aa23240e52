"""Certificates of this test run."""

import pytest

from tests import certificates as making


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Throw-away certificates; see ``tests.certificates.Certificates``."""
    return making.make(tmp_path_factory.mktemp("certificates"))
