"""`make dist`: packages that run where no Python is.

WCA_PACKAGES names a folder with packages that have been built already, for who works on these tests.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile

import pytest

from tests.cgroup_fixtures import need_root
from tests.packaging.bare_root import of_debian, with_a_shell
from tests.packaging.conftest import OFFLINE, PROJECT
from tests.packaging.oci_image import Image
from tests.services import missing, program
from wca.version import __version__

#: The build takes minutes, and systems of Debian are fetched.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

HOME = f"wca-{__version__}-linux-{platform.machine()}"
CONFIG = """
runner: !MeasurementRunner
  node: !StaticNode {tasks: []}
  interval: 100ms
  metrics_storage: !LogStorage
"""
PLUGIN = """
import statistics
import requests
from wca.runners import Runner

class Hello(Runner):
    def run(self):
        print("hello", statistics.mean([1, 3]), requests.__file__)
"""
#: What components import when they are used.
LAZY = (
    "apscheduler boto3 cramjam docker google.protobuf grpc kafka kazoo opentelemetry.sdk psycopg "
    "pymongo redis requests sqlalchemy sqlite3 ssl curses"
)
#: A system with a C library older than ours, of 2020.
OLD = "bullseye"


def build(folder, *kinds):
    """Packages of this checkout."""
    command = [sys.executable, "-m", "tools.packages", str(folder), *kinds]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    if done.returncode and OFFLINE.search(done.stderr):
        missing(f"the packages cannot be built without a package index: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return found(folder)


def found(folder):
    """The packages of a folder; their paths by how they end."""
    return {name.split(".", 3)[-1]: os.path.join(folder, name) for name in os.listdir(folder)}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    need_root()
    built = os.environ.get("WCA_PACKAGES")
    return found(built) if built else build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def bare(packages, tmp_path_factory):
    """A root with the unpacked tarball, a shell and nothing else."""
    root = with_a_shell(tmp_path_factory.mktemp("bare"))
    os.mkdir(root.path("/opt"))
    with tarfile.open(packages["tar.gz"]) as packed:
        packed.extractall(root.path("/opt"), filter="tar")
    root.put("/etc/wca/wca.yaml", CONFIG)
    return root


@pytest.fixture(scope="module")
def system(packages, tmp_path_factory):
    """A Debian without Python, with the package's file in it."""
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    root = of_debian(tmp_path_factory.mktemp("debian") / "root", release)
    shutil.copy(packages["deb"], root.path("/wca.deb"))
    root.put("/opt/static.yaml", CONFIG)
    return root


@pytest.fixture(scope="module")
def image(packages, tmp_path_factory):
    return Image(packages["tar"], tmp_path_factory.mktemp("image"))


def measured(done):
    assert done.returncode == 0, done.stderr
    assert re.search(r"^platform_cpu_seconds\{", done.stdout, re.MULTILINE)
    return done


class TestTarball:
    WCA = f"/opt/{HOME}/bin/wca"

    def test_it_measures_where_no_python_and_no_other_tool_is(self, bare):
        assert sorted(os.listdir(bare.path("/bin"))) == ["sh"]
        measured(bare.run(self.WCA, "--root", "-c", "/etc/wca/wca.yaml", "--iterations", "1"))

    def test_its_process_is_called_wca(self, bare):
        code = "print(open('/proc/self/comm').read())"
        assert bare.run(f"/opt/{HOME}/bin/python3", "-c", code).stdout.strip() == "wca"

    def test_a_plugin_is_found_through_pythonpath_and_shadows_nothing(self, bare):
        bare.put("/plugins/hello.py", PLUGIN)
        bare.put("/plugins/requests.py", "")
        bare.put("/etc/wca/hello.yaml", "runner: !Hello\n")
        options = ["-c", "/etc/wca/hello.yaml", "--register", "hello:Hello"]
        done = bare.run(self.WCA, "--root", *options, PYTHONPATH="/plugins")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"hello 2 /opt/{HOME}/lib/")

    @pytest.mark.parametrize("module", LAZY.split())
    def test_what_components_import_when_they_are_used_is_inside(self, bare, module):
        done = bare.run(f"/opt/{HOME}/bin/python3", "-c", f"import {module}")
        assert done.returncode == 0, done.stderr

    def test_its_python_starts_itself(self, bare):
        code = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'wca', '--version'])"
        done = bare.run(f"/opt/{HOME}/bin/python3", "-c", code)
        assert (done.stdout, done.stderr) == (f"wca {__version__}\n", "")

    def test_the_guardian_and_the_cloudwatch_agent_are_programs(self, bare):
        done = bare.run(f"/opt/{HOME}/bin/wca-guardian", "--once")
        assert done.returncode == 0, done.stderr
        done = bare.run(f"/opt/{HOME}/bin/cloudwatch_metrics_agent", "--help")
        assert "--namespace" in done.stdout

    def test_authorities_are_found_where_other_systems_keep_them(self, bare):
        place = "/etc/pki/tls/certs/ca-bundle.crt"
        bare.put(place, "")
        code = "import ssl; print(ssl.get_default_verify_paths().cafile)"
        done = bare.run(f"/opt/{HOME}/bin/python3", "-c", code)
        os.remove(bare.path(place))
        assert done.stdout.strip() == place

    def test_an_old_c_library_is_no_hindrance(self, packages, tmp_path):
        root = of_debian(tmp_path / OLD, OLD)
        with tarfile.open(packages["tar.gz"]) as packed:
            packed.extractall(root.path("/opt"), filter="tar")
        root.put("/etc/wca/wca.yaml", CONFIG)
        root.put("/etc/hosts", "127.0.0.7 somebody\n")
        measured(root.run(self.WCA, "--root", "-c", "/etc/wca/wca.yaml", "--iterations", "1"))
        code = (
            "import pwd, socket; print(pwd.getpwuid(0).pw_name, socket.gethostbyname('somebody'))"
        )
        done = root.run(f"/opt/{HOME}/bin/python3", "-c", code)
        assert done.stdout == "root 127.0.0.7\n", done.stderr

    def test_two_builds_are_the_same_bytes(self, packages, tmp_path):
        again = build(tmp_path, "tarball")
        with open(packages["tar.gz"], "rb") as first, open(again["tar.gz"], "rb") as second:
            assert first.read() == second.read()


class TestDebianPackage:
    def state(self, system):
        """Every file outside of what dpkg itself keeps."""
        kept = re.compile(r"^\./(proc|sys|dev|tmp|var/lib/dpkg|var/log|var/cache/(ldconfig|apt))")
        found = set()
        for folder, _, names in os.walk(system.folder):
            found |= {f"./{os.path.relpath(os.path.join(folder, n), system.folder)}" for n in names}
        return {name.replace("././", "./") for name in found if not kept.match(name)}

    def test_it_comes_works_keeps_its_configuration_and_goes(self, system):
        assert system.run("sh", "-c", "command -v python3").returncode != 0
        before = self.state(system)
        done = system.run("dpkg", "--install", "/wca.deb")
        assert done.returncode == 0, done.stderr
        measured(system.run("wca", "--root", "-c", "/opt/static.yaml", "--iterations", "1"))
        assert system.run("wca", "check", "--here", "-c", "/etc/wca/wca.yaml").returncode == 0
        enabled = "/etc/systemd/system/multi-user.target.wants/wca.service"
        assert os.path.islink(system.path(enabled))
        assert not os.path.lexists(system.path(enabled.replace("wca.service", "wca-guardian")))
        with open(system.path("/etc/wca/wca.yaml"), "a") as config:
            config.write("# mine\n")
        for _ in range(2):
            done = system.run("dpkg", "--install", "/wca.deb")
            assert done.returncode == 0, done.stderr
        with open(system.path("/etc/wca/wca.yaml")) as config:
            assert config.read().endswith("# mine\n")
        assert system.run("dpkg", "--verify", "wca").stdout.split() == [
            "??5??????",
            "c",
            "/etc/wca/wca.yaml",
        ]
        os.makedirs(system.path("/var/lib/wca/records"))
        assert system.run("dpkg", "--remove", "wca").returncode == 0
        assert os.path.exists(system.path("/etc/wca/wca.yaml"))
        for _ in range(2):
            assert system.run("dpkg", "--purge", "wca").returncode == 0
        assert self.state(system) - before == set()
        assert before - self.state(system) == set()

    def test_lintian_finds_no_error(self, packages):
        lintian = program("lintian", package="lintian")
        command = [lintian, "--fail-on", "error", "--tag-display-limit", "0", packages["deb"]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        errors = [line for line in done.stdout.splitlines() if line.startswith("E:")]
        assert (done.returncode, errors) == (0, []), done.stderr


class TestImage:
    def test_it_runs_as_the_daemonset_runs_it_and_measures(self, image, tmp_path):
        config = tmp_path / "wca.yaml"
        config.write_text(CONFIG)
        config.chmod(0o644)
        done = image.run(
            *("--config", "/etc/wca/wca.yaml", "--iterations", "1"),
            mounts=[(config, "/etc/wca/wca.yaml"), ("/sys/fs/cgroup", "/sys/fs/cgroup")],
        )
        measured(done)

    def test_the_guardian_of_the_manifests_starts(self, image):
        guardian = ["/opt/wca/bin/python", "-m", "wca.allocations.guardian"]
        done = image.run("--once", entrypoint=guardian)
        assert done.returncode == 0, done.stderr

    def test_it_has_no_shell_and_an_ordinary_user(self, image):
        assert not (image.root / "bin").exists()
        assert image.config["config"]["User"] == "65532:65532"
        assert image.name == f"wca:{__version__}"
