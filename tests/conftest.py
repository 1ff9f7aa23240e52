"""Fixtures that several test folders share."""

pytest_plugins = ["tests.cgroup_fixtures", "tests.certificate_fixtures", "tests.http_receiver"]
