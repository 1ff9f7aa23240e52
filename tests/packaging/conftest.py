"""One pex for all tests of this folder, and a checkout that an ordinary user can reach."""

import glob
import importlib.metadata
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import pytest

from tests.services import missing

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OFFLINE = re.compile(r"connection|resolve|timed out|proxy", re.IGNORECASE)


def build_pex(project, output, *options):
    """Build a pex of the project in the folder `project`, or skip where that cannot be."""
    with open(os.path.join(PROJECT, "pyproject.toml"), encoding="utf-8") as given:
        if f'"setuptools=={importlib.metadata.version("setuptools")}"' not in given.read():
            missing("this environment is not the locked one, as `make test` makes it")
    command = [sys.executable, "tools/build_pex.py", output, *options]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    if done.returncode and OFFLINE.search(done.stderr):
        missing(f"the pex cannot be built without a package index: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr


@dataclass
class Checkout:
    """A folder with `dist/wca.pex`, configs and examples, and the ordinary user who owns it."""

    folder: str
    user: str
    environment: dict[str, str]

    def shell(self, command, *, as_root=False, timeout=60, **environment):
        """Run a command line as it is printed, in the folder."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **({} if as_root else self.identity()),
        )

    def write(self, name, text):
        """Save a file as the ordinary user would."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)
        if os.geteuid() == 0:
            account = pwd.getpwnam(self.user)
            os.chown(path, account.pw_uid, account.pw_gid)

    def identity(self):
        """Options of subprocess that make it run as the ordinary user."""
        if os.geteuid() != 0:
            return {}
        account = pwd.getpwnam(self.user)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def pex(tmp_path_factory):
    """The path of a pex built from this checkout."""
    path = str(tmp_path_factory.mktemp("pex") / "wca.pex")
    build_pex(PROJECT, path)
    return path


@pytest.fixture(scope="session")
def checkout(pex):
    """What a user has after `make`, owned by WCA_TEST_USER (else: nobody) when we are root."""
    user = os.environ.get("WCA_TEST_USER", "nobody")
    if os.geteuid() != 0:
        user = pwd.getpwuid(os.geteuid()).pw_name
    folder = tempfile.mkdtemp(prefix="wca-checkout-")
    try:
        for name in ("configs", "examples"):
            shutil.copytree(os.path.join(PROJECT, name), os.path.join(folder, name))
        os.mkdir(os.path.join(folder, "dist"))
        shutil.copy(pex, os.path.join(folder, "dist"))
        subprocess.run(["chmod", "-R", "a+rX,go-w", folder], check=True)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", user, folder], check=True)
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": folder}
        place = Checkout(folder, user, environment)
        if place.shell("python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'").returncode:
            missing(f"the user {user} has no python3 of 3.11 or later in /usr/bin")
        yield place
    finally:
        shutil.rmtree(folder)


def interpreters():
    """Supported Pythons on this machine, one of each minor version: version to path."""
    names = [f"python3.{minor}" for minor in range(11, 16)]
    candidates = [path for name in names if (path := shutil.which(name))]
    candidates += glob.glob(os.path.expanduser("~/.pyenv/versions/3.1[1-9].*/bin/python3"))
    found = {}
    for path in candidates:
        code = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            version, executable = done.stdout.split()
            found.setdefault(version, executable)
    return found
