"""Clouds for tests: one attempt for each call, so that no test waits for botocore."""

import contextlib

from wca.workers.aws.cloud import AwsCloud
from wca.workers.model import MetricQuery, Shard

HERE = Shard("", "eu-west-1")
CPU = MetricQuery("cpu", "AWS/EC2", "CPUUtilization")
MEMORY = MetricQuery("memory", "CWAgent", "mem_used_percent", period=60, dimensions=None)
#: Unix time that is the beginning of no period.
NOW = 1_800_000_000.0 + 77


@contextlib.contextmanager
def cloud(**options):
    options.setdefault("attempts", 1)
    made = AwsCloud(**options)
    made.start()
    try:
        yield made
    finally:
        made.close()
