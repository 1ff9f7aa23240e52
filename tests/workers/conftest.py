"""Fixtures of all tests of this folder."""

from tests.workers.aws_fixtures import aws, read_once, run_instances, running_aws
from tests.workers.whole_agent import site

__all__ = ["aws", "read_once", "run_instances", "running_aws", "site"]
