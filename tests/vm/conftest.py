"""The guest as a fixture: what the machine lacks is a skip with its reason, a failure in CI."""

import pytest

from tests.services import missing
from tests.vm.harness import VmNotPatched, VmUnavailable, run_in_vm


@pytest.fixture(scope="session")
def vm():
    """`run_in_vm`, for tests."""

    def run(script, **options):
        try:
            return run_in_vm(script, **options)
        except VmNotPatched as reason:
            pytest.skip(str(reason))
        except VmUnavailable as reason:
            missing(str(reason))

    return run
