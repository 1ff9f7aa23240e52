"""What a test needs beside Python, and what it means when the machine has none of it."""

import os
import shutil

import pytest


def missing(reason):
    """What the machine lacks is a failure in CI, which installs everything, and a skip elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def program(*names, package):
    """The path of the first of these programs that is installed."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or missing(f"{names[0]} is not installed (Debian's package {package})")
