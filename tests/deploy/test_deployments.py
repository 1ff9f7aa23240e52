"""What is shipped to run the agent with: complete, consistent, and with no more rights than said.

A real kube-apiserver looks at the manifests in tests/nodes/kubernetes/test_real_apiserver.py.
"""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.deploy.kubernetes_schemas import problems, stored
from tests.docs.pages import blocks
from tests.services import program
from wca.allocations.guardian import DEFAULT_JOURNAL, Guardian
from wca.allocations.hold import DEFAULT_HOLD
from wca.components import load_registry
from wca.config import load_config

DEPLOY = Path(__file__).parents[2] / "configs" / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
CONFIGS = sorted(DEPLOY.glob("**/wca.yaml"))


def objects(path):
    return {one["kind"]: one for one in YAML(typ="safe").load_all(path.read_text()) if one}


@pytest.fixture(scope="module")
def pod():
    return objects(BASE / "daemonset.yaml")["DaemonSet"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.parent.name)
def test_every_configuration_builds(path, monkeypatch):
    monkeypatch.setenv("NODE_NAME", "node-1")
    monkeypatch.setenv("HOST_IP", "192.0.2.1")
    assert load_config(str(path), load_registry()).runner.run
    assert path.read_text().startswith("# ")


class TestKubernetes:
    def test_the_account_may_list_and_watch_pods_and_nothing_else(self):
        found = objects(BASE / "rbac.yaml")
        assert found["ClusterRole"]["rules"] == [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}
        ]
        assert found.keys() == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding"}

    def test_the_agent_has_no_right_that_it_does_not_need(self, pod):
        assert not {"hostPID", "hostIPC", "hostNetwork"} & pod.keys()
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert all(mount["readOnly"] for mount in container["volumeMounts"])

    def test_it_sees_the_hosts_cgroups_where_it_looks_for_them(self, pod):
        (container,) = pod["containers"]
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        host_path = volumes[mounts["/sys/fs/cgroup"]]["hostPath"]
        assert host_path == {"path": "/sys/fs/cgroup", "type": "Directory"}
        assert container["args"] == ["--config", "/etc/wca/wca.yaml"]
        assert "/etc/wca/wca.yaml" in mounts

    def test_the_probes_ask_for_pages_that_the_agent_has_on_its_port(self, pod):
        (container,) = pod["containers"]
        assert container["readinessProbe"]["httpGet"]["path"] == "/-/ready"
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        (port,) = container["ports"]
        assert f":{port['containerPort']}" in (BASE / "wca.yaml").read_text()


class TestSchemas:
    """By Kubernetes' own schemas, strictly: a name that is none is refused, too."""

    FILES = sorted(DEPLOY.glob("kubernetes/**/*.yaml"))

    @pytest.mark.parametrize(
        "path",
        [path for path in FILES if path.name not in ("kustomization.yaml", "wca.yaml")],
        ids=lambda path: f"{path.parent.name}-{path.stem}",
    )
    def test_every_manifest_is_one(self, path):
        known = stored()
        partial = path.parent != BASE and path.name == "daemonset.yaml"
        for document in objects(path).values():
            assert problems(document, known, partial=partial) == []

    @pytest.mark.parametrize(
        ("place", "value", "said"),
        [
            (("spec", "template", "spec", "hostPids"), True, "there is no field hostPids"),
            (("spec", "template", "spec", "hostPID"), "yes", "'yes' is no boolean"),
            (("spec", "template", "spec", "containers"), [{}], "name is missing"),
            (("spec", "template", "spec", "terminationGracePeriodSeconds"), "x", "is no integer"),
            (("kind",), "Daemon", "no schema of apps/v1 Daemon"),
        ],
    )
    def test_a_mistake_is_found(self, place, value, said):
        document = objects(BASE / "daemonset.yaml")["DaemonSet"]
        *folders, last = place
        inner = document
        for name in folders:
            inner = inner[name]
        inner[last] = value
        (found,) = problems(document, stored())
        assert said in found


class TestActingOfKubernetes:
    FOLDER = DEPLOY / "kubernetes" / "overlays" / "acting"

    @pytest.fixture
    def containers(self):
        spec = objects(self.FOLDER / "daemonset.yaml")["DaemonSet"]["spec"]["template"]["spec"]
        return {one["name"]: one for one in spec["containers"]}

    def test_the_guardian_runs_the_python_of_the_image_with_options_that_it_takes(self, containers):
        program, *rest = containers["guardian"]["command"]
        assert rest == ["-m", Guardian.__module__]
        options = containers["guardian"]["args"]
        assert options == ["--journal", DEFAULT_JOURNAL, "--hold", DEFAULT_HOLD]
        image = (DEPLOY / "container" / "Dockerfile").read_text()
        (folder,) = re.findall(r"venv create .*--dest-dir (\S+)", image)
        assert program == f"{folder}/bin/python"
        done = subprocess.run(
            [sys.executable, *rest, *options, "--help"], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")

    def test_agent_and_guardian_share_the_files_and_see_groups_at_the_same_place(self, containers):
        assert containers["wca"].keys() & {"command"} == set()
        for one in containers.values():
            mounts = {mount["mountPath"]: mount for mount in one["volumeMounts"]}
            assert mounts.keys() == {"/run/wca", "/sys/fs/cgroup"}
            assert not any(mount.get("readOnly") for mount in mounts.values())
            assert one["securityContext"]["capabilities"] == {
                "drop": ["ALL"],
                "add": ["DAC_OVERRIDE"],
            }

    def test_the_page_prints_the_guardian_that_is_shipped(self, containers):
        (text,) = [t for page, _, t in blocks("text") if page == "safety.md"]
        printed = YAML(typ="safe").load(text.partition("volumes:")[0])[0]
        shipped = containers["guardian"]
        for name in ("command", "args", "securityContext"):
            assert printed[name] == shipped[name], name

    def test_it_does_not_act_before_somebody_says_so(self):
        assert "act: false" in (self.FOLDER / "wca.yaml").read_text()


class TestImage:
    FILE = DEPLOY / "container" / "Dockerfile"

    def test_what_the_build_needs_is_in_its_context(self):
        ignored = self.FILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
        included = {line.removeprefix("!") for line in ignored if line.startswith("!")}
        root = DEPLOY.parents[1]
        assert {name for name in included if not (root / name).exists()} == set()
        builder = (root / "tools" / "build_pex.py").read_text()
        (sources,) = re.findall(r"SOURCES = \((.*)\)", builder)
        needed = {*re.findall(r'"([^"]+)"', sources), "Makefile", "tools", "configs"}
        assert needed | {"requirements.txt", "requirements-dev.txt"} <= included

    def test_it_runs_what_the_daemonset_gives_arguments_to(self, pod):
        text = self.FILE.read_text()
        assert 'ENTRYPOINT ["/opt/wca/bin/wca"]' in text
        user = pod["securityContext"]["runAsUser"]
        assert f"USER {user}:{pod['securityContext']['runAsGroup']}" in text


class TestSystemd:
    FILE = DEPLOY / "systemd" / "wca.service"

    @pytest.fixture
    def unit(self, tmp_path):
        """The unit with a program that is there."""
        path = tmp_path / self.FILE.name
        path.write_text(self.FILE.read_text().replace("/usr/local/bin/wca", "/bin/true"))
        return path

    def analyze(self, *arguments):
        systemd_analyze = program("systemd-analyze", package="systemd")
        return subprocess.run(
            [systemd_analyze, *arguments], capture_output=True, text=True, check=False
        )

    def test_systemd_understands_every_line(self, unit):
        done = self.analyze("verify", "--man=no", str(unit))
        assert (done.returncode, done.stderr) == (0, "")

    def test_little_is_left_that_the_agent_could_do_wrong(self, unit):
        done = self.analyze("security", "--offline=yes", "--threshold=30", str(unit))
        assert done.returncode == 0, done.stdout[-200:]

    def test_it_has_the_capabilities_that_are_said_and_no_other(self):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str
        parser.read(self.FILE)
        service = parser["Service"]
        assert service["Type"] == "notify"
        assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
        for name in ("AmbientCapabilities", "CapabilityBoundingSet"):
            assert service[name].split() == ["CAP_PERFMON", "CAP_SYS_PTRACE"]


class TestActingOfSystemd:
    FOLDER = DEPLOY / "systemd"

    @pytest.fixture
    def unit(self, tmp_path):
        """The unit with what makes it one that acts, and a program that is there."""
        path, added = tmp_path / "wca.service", tmp_path / "wca.service.d" / "acting.conf"
        added.parent.mkdir()
        for file, shipped in ((path, "wca.service"), (added, "acting/acting.conf")):
            text = (self.FOLDER / shipped).read_text()
            file.write_text(text.replace("/usr/local/bin/wca", "/bin/true"))
        guardian = (self.FOLDER / "wca-guardian.service").read_text()
        guardian = guardian.replace("/usr/local/bin/wca", "/bin/true")
        (tmp_path / "wca-guardian.service").write_text(guardian)
        return path

    def analyze(self, *arguments):
        systemd_analyze = program("systemd-analyze", package="systemd")
        return subprocess.run(
            [systemd_analyze, *arguments], capture_output=True, text=True, check=False
        )

    def test_systemd_understands_every_line(self, unit):
        done = self.analyze("verify", "--man=no", str(unit))
        assert (done.returncode, done.stderr) == (0, "")

    def test_its_one_capability_is_for_groups_of_other_users(self, unit):
        added = (unit.parent / "wca.service.d" / "acting.conf").read_text()
        assert re.findall(r"^CapabilityBoundingSet=(.*)$", added, re.MULTILINE) == [
            "",  # what is written adds up
            "CAP_DAC_OVERRIDE",
        ]
        assert "ReadWritePaths=/sys/fs/cgroup -/sys/fs/resctrl" in added
        done = self.analyze("security", "--offline=yes", "--threshold=45", str(unit))
        assert done.returncode == 0, done.stdout[-200:]

    def test_the_guardian_is_wanted_and_not_bound_to_it(self, unit):
        added = (unit.parent / "wca.service.d" / "acting.conf").read_text()
        assert "Wants=wca-guardian.service" in added
        assert not re.search(r"^(BindsTo|PartOf|Requires)=", added, re.MULTILINE)

    def test_it_does_not_act_before_somebody_says_so(self):
        assert "act: false" in (self.FOLDER / "acting" / "wca.yaml").read_text()


class TestGuardianOfSystemd:
    FILE = DEPLOY / "systemd" / "wca-guardian.service"

    def test_systemd_understands_every_line_and_finds_little_exposed(self, tmp_path):
        path = tmp_path / self.FILE.name
        path.write_text(self.FILE.read_text().replace("/usr/local/bin/wca", "/bin/true"))
        for command in (["verify", "--man=no"], ["security", "--offline=yes", "--threshold=30"]):
            done = subprocess.run(
                [program("systemd-analyze", package="systemd"), *command, str(path)],
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, ""), done.stdout[-200:]

    def test_its_command_line_is_one_that_the_module_takes(self):
        text = self.FILE.read_text()
        (module,) = re.findall(r"PEX_MODULE=(\S+)", text)
        (options,) = re.findall(r"^ExecStart=/usr/local/bin/wca (.*)$", text, re.MULTILINE)
        assert options == f"--journal {DEFAULT_JOURNAL} --hold {DEFAULT_HOLD}"
        assert module == Guardian.__module__

    def test_it_may_write_control_groups_whosever_they_are_and_has_no_other_capability(self):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str
        parser.read(self.FILE)
        service = parser["Service"]
        assert service["CapabilityBoundingSet"] == "CAP_DAC_OVERRIDE"
        assert service["ProtectControlGroups"] == "false"
        assert service["ReadWritePaths"].split()[0] == "/sys/fs/cgroup"
        assert service["Restart"] == "always"
