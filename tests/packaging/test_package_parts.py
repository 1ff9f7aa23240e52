"""What `make dist` writes around the Python that it packs, without packing one."""

import gzip
import os
import re
import subprocess
import sys
import tarfile
import tomllib

import pytest

from tests.packaging.conftest import PROJECT
from tests.services import program
from tools.packages import archive, debian, image
from tools.packages.home import NOT_FOR_AGENTS, extras
from tools.packages.interpreter import LOADER, NATIVE, Loader
from tools.packages.launchers import PROGRAMS, write_launchers
from tools.packages.programs import need
from wca.version import __version__

#: Says what it was started with, in the place of the loader.
SAYS = '#!/bin/sh\nfor one in "$@"; do echo "$one"; done; echo "$SSL_CERT_FILE"\n'


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with launchers, and a loader that says what it is to start."""
    monkeypatch.chdir(PROJECT)
    home = tmp_path / "a home"
    native = home / NATIVE
    native.mkdir(parents=True)
    (native / LOADER).write_text(SAYS)
    (native / LOADER).chmod(0o755)
    (native / "python3").write_text("")
    write_launchers(str(home))
    return home


def started(path, *arguments, **environment):
    done = subprocess.run(
        [str(path), *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


class TestLaunchers:
    def expected(self, home, *arguments):
        native = f"{home}/{NATIVE}"
        return [
            *("--argv0", f"{home}/bin/python3", "--library-path", native, f"{native}/python3"),
            *("-I", *arguments),
        ]

    @pytest.mark.parametrize("name", PROGRAMS)
    def test_each_starts_the_python_beside_it_and_passes_on_its_arguments(self, home, name):
        *words, _ = started(home / "bin" / name, "a b", "*")
        assert words == self.expected(home, *PROGRAMS[name].split(), "a b", "*")

    def test_a_link_to_it_is_followed(self, home, tmp_path):
        (tmp_path / "wca").symlink_to("a home/bin/wca")
        *words, _ = started(tmp_path / "wca", PATH="/usr/bin:/bin")
        assert words == self.expected(home, "-m", "wca")

    def test_it_is_found_in_the_folder_in_which_a_shell_reads_it(self, home):
        command = ["sh", "wca"]
        done = subprocess.run(command, cwd=home / "bin", capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[:-1] == self.expected(home, "-m", "wca")

    def test_authorities_that_somebody_has_chosen_stay(self, home):
        assert started(home / "bin" / "wca", SSL_CERT_FILE="/mine.pem")[-1] == "/mine.pem"
        assert started(home / "bin" / "wca", SSL_CERT_DIR="/mine")[-1] == ""


class TestContent:
    def test_everything_that_agents_have_components_for_is_inside(self, monkeypatch):
        monkeypatch.chdir(PROJECT)
        with open("pyproject.toml", "rb") as given:
            optional = tomllib.load(given)["project"]["optional-dependencies"]
        assert set(extras()) | set(NOT_FOR_AGENTS) == set(optional)
        assert {"aws", "cri", "redis", "workers"} <= set(extras())

    def test_a_program_that_lacks_is_a_sentence(self, monkeypatch):
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(SystemExit) as ended:
            need("buildah", "buildah")
        assert str(ended.value) == (
            "make dist: buildah is not installed (Debian's package buildah): install it, or write "
            "which packages you want: make dist ARGS=tarball"
        )

    def test_a_kind_that_is_none_is_a_sentence(self, tmp_path):
        command = [sys.executable, "-m", "tools.packages", str(tmp_path), "rpm"]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "there is no package rpm: write tarball, deb, image" in done.stderr


class TestTarball:
    def test_its_bytes_depend_on_nothing_but_its_content(self, home, tmp_path):
        made = []
        for number, (time, mode) in enumerate([(1, 0o755), (10**9, 0o700)]):
            (home / "bin" / "wca").chmod(mode)
            os.utime(home / "bin" / "wca", (time, time))
            archive.set_modes(str(home))
            made.append(tmp_path / f"{number}.tar.gz")
            archive.write_tarball(str(home), str(made[-1]))
        assert made[0].read_bytes() == made[1].read_bytes()

    def test_everything_is_roots_and_nobody_else_may_write(self, home, tmp_path):
        archive.set_modes(str(home))
        archive.write_tarball(str(home), str(tmp_path / "x.tar.gz"))
        with tarfile.open(tmp_path / "x.tar.gz") as packed:
            entries = packed.getmembers()
        assert {(one.uid, one.gid, one.uname) for one in entries} == {(0, 0, "root")}
        assert {one.mode & 0o022 for one in entries} == {0}
        assert entries[0].name == "a home"


class TestUnits:
    @pytest.mark.parametrize("name", ["wca.service", "wca-guardian.service"])
    def test_they_are_those_that_are_shipped_without_the_pex(self, name):
        shipped = os.path.join(PROJECT, "configs", "deploy", "systemd", name)
        with open(shipped) as given:
            text = debian.unit(given.read())
        assert not re.search("PEX|/usr/local|/etc/systemd|CacheDirectory", text)
        assert re.findall(r"^Exec\w+=(/\S+)", text, re.MULTILINE)
        with open(shipped) as given:
            assert text.count("\nProtect") == given.read().count("\nProtect")

    @pytest.mark.parametrize("name", ["wca.service", "wca-guardian.service"])
    def test_systemd_understands_every_line(self, tmp_path, name):
        with open(os.path.join(PROJECT, "configs", "deploy", "systemd", name)) as given:
            text = debian.unit(given.read())
        path = tmp_path / name
        path.write_text(re.sub(r"/usr/bin/wca[a-z-]*", "/bin/true", text))
        analyze = program("systemd-analyze", package="systemd")
        done = subprocess.run(
            [analyze, "verify", "--man=no", str(path)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


class TestDebianPackage:
    @pytest.fixture
    def package(self, home, tmp_path):
        program("dpkg-deb", package="dpkg")
        path = tmp_path / "wca.deb"
        debian.write_package(str(home), str(tmp_path / "stage"), str(path))
        return path

    @pytest.fixture
    def control(self, package, tmp_path):
        subprocess.run(["dpkg-deb", "--control", str(package), str(tmp_path / "c")], check=True)
        return tmp_path / "c"

    def test_programs_units_and_the_configuration_are_in_their_places(self, package):
        command = ["dpkg-deb", "--contents", str(package)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        lines = [line.split(maxsplit=5) for line in done.stdout.splitlines()]
        assert {line[1] for line in lines} == {"root/root"}
        names = {line[5].partition(" -> ")[0].removeprefix(".") for line in lines}
        assert names >= {
            "/usr/bin/wca",
            "/usr/bin/wca-guardian",
            "/usr/lib/wca/bin/wca",
            "/lib/systemd/system/wca.service",
            "/lib/systemd/system/wca-guardian.service",
            "/etc/wca/wca.yaml",
            "/usr/share/doc/wca/copyright",
        }

    def test_the_configuration_is_one_that_upgrades_keep(self, control):
        assert (control / "conffiles").read_text() == "/etc/wca/wca.yaml\n"

    def test_it_depends_on_no_other_package(self, control):
        text = (control / "control").read_text()
        assert f"\nVersion: {__version__}\n" in text
        assert not re.search(r"^(Pre-)?Depends:", text, re.MULTILINE)

    @pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
    def test_its_scripts_are_of_a_shell_and_end_where_systemd_is_not(self, control, name):
        script = control / name
        assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
        for _ in range(2):
            done = subprocess.run(
                [str(script), "upgrade", __version__], capture_output=True, text=True, check=False
            )
            assert (done.returncode, done.stderr) == (0, "")

    def test_its_changelog_is_of_this_version(self, package, tmp_path):
        subprocess.run(["dpkg-deb", "--extract", str(package), str(tmp_path / "x")], check=True)
        packed = (tmp_path / "x/usr/share/doc/wca/changelog.gz").read_bytes()
        assert gzip.decompress(packed).decode().startswith(f"wca ({__version__}) ")


class TestImage:
    def test_nothing_in_it_needs_a_shell(self, home, tmp_path):
        stage = tmp_path / "image"
        loader = Loader("/lib64/ld-linux-any.so.2", "/lib/any-linux-gnu")
        image.lay_out(str(home), loader, str(stage))
        assert os.readlink(stage / "lib64/ld-linux-any.so.2") == f"/opt/wca/{NATIVE}/{LOADER}"
        assert os.readlink(stage / "lib/any-linux-gnu") == f"/opt/wca/{NATIVE}"
        assert os.readlink(stage / "opt/wca/bin/python") == f"/opt/wca/{NATIVE}/python3"
        for name in PROGRAMS.keys() - {"python3"}:
            first = (stage / "opt/wca/bin" / name).read_text().splitlines()[0]
            assert first == "#!/opt/wca/bin/python -I"
        assert not (stage / "bin").exists()

    def test_it_starts_what_the_daemonset_gives_arguments_to(self):
        folder = os.path.join(PROJECT, "configs", "deploy", "container")
        with open(os.path.join(folder, "Containerfile.dist")) as given:
            ours = given.read()
        with open(os.path.join(folder, "Dockerfile")) as given:
            other = given.read()
        for line in ("USER", "ENTRYPOINT", "CMD"):
            (shipped,) = re.findall(rf"^{line} .*$", ours, re.MULTILINE)
            assert shipped in other


def test_shellcheck_finds_nothing(home):
    shellcheck = program("shellcheck", package="shellcheck")
    scripts = [home / "bin" / "wca"]
    scripts += [os.path.join(debian.FILES, name) for name in ("postinst", "prerm", "postrm")]
    assert subprocess.run([shellcheck, *scripts], check=False).returncode == 0
