"""The guardian: small, separate, and not to be ended by trouble."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.allocations.kernel_stand_in import FOLDER, Kernel, Times, perform
from wca.allocations.guardian import Guardian, main
from wca.allocations.hold import Hold
from wca.allocations.journal import Journal

SHARES = f"{FOLDER}/one/cpu.shares"
LEASE = 20.0


class Scene:
    """An agent that has changed one file, and a guardian that looks when it is told to."""

    def __init__(self, folder):
        self.times, self.kernel, self.said = Times(), Kernel(), []
        self.kernel.make(f"{FOLDER}/one", cpu_shares="1024")
        self.hold = Hold(str(folder / "hold"))
        self.path = str(folder / "journal")
        self.agent, self.journal = self.open(), self.open()
        self.agent.open()
        self.guardian = Guardian(
            self.journal, self.hold, lambda: self.kernel, self.said.append, self.times.now
        )
        write = self.kernel.write_of(SHARES, "2")
        perform(self.agent, self.kernel, write, self.times.now() + LEASE)

    def open(self):
        times = self.times
        return Journal(self.path, lease=LEASE, now=times.now, monotonic=times.monotonic)


@pytest.fixture
def scene(tmp_path):
    scene = Scene(tmp_path)
    yield scene
    scene.agent.close()
    scene.journal.close()


def test_it_leaves_what_has_a_lease(scene):
    scene.times.go(LEASE - 1)
    assert scene.guardian.look() == []
    assert scene.kernel.files[SHARES] == "2"


def test_it_restores_what_has_none(scene):
    scene.times.go(LEASE)
    scene.guardian.look()
    assert scene.kernel.files[SHARES] == "1024"
    assert scene.said == [f"{SHARES}: restored"]
    assert scene.guardian.look() == []


def test_while_it_is_held_it_restores_everything_at_once(scene):
    scene.hold.put("maintenance")
    scene.guardian.look()
    assert scene.kernel.files[SHARES] == "1024"
    assert scene.said == [f"held by {scene.hold.path}: maintenance", f"{SHARES}: restored"]
    scene.hold.remove()
    scene.guardian.look()
    assert scene.said[2:] == ["released"]


def test_it_tells_once_what_it_cannot_do(scene):
    scene.kernel.refused.add(SHARES)
    scene.times.go(LEASE)
    for _ in range(3):
        scene.guardian.look()
    assert scene.said == [f"{SHARES}: failed (Invalid argument)"]
    scene.kernel.refused.clear()
    scene.guardian.look()
    assert scene.kernel.files[SHARES] == "1024"


def test_a_journal_that_others_can_write_is_told_once_and_not_followed(scene):
    os.chmod(scene.path, 0o666)
    scene.times.go(LEASE)
    fresh = Guardian(scene.open(), scene.hold, lambda: scene.kernel, scene.said.append)
    for _ in range(3):
        assert fresh.look() == []
    (sentence,) = scene.said
    assert "others than its owner can write it" in sentence
    assert scene.kernel.files[SHARES] == "2"


def test_it_waits_for_a_journal(tmp_path):
    said = []
    journal = Journal(str(tmp_path / "none" / "journal"))
    guardian = Guardian(journal, Hold(str(tmp_path / "hold")), Kernel, said.append)
    assert (guardian.look(), said) == ([], [])


def test_it_knows_the_standard_library_and_the_journal_only():
    script = "import sys, wca.allocations.guardian; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])  # fmt: skip
    names = set(found.stdout.split())
    allowed = {"wca", "wca.version", "wca.errors", "wca.durable", "wca.supervisor", "wca.linux"}
    allowed |= {"wca.linux.parse", "wca.linux.procfs"}
    allowed |= {"wca.linux.resctrl", "wca.linux.resctrl.schemata"}
    ours = {name for name in names if name.split(".")[0] == "wca"}
    assert {name for name in ours - allowed if not name.startswith("wca.allocations")} == set()
    foreign = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"wca", "__main__"}
    assert foreign == set()
    assert not names & {"ssl", "hashlib", "subprocess", "asyncio", "ctypes", "tempfile"}


def test_it_has_a_session_of_its_own_and_ends_when_asked(tmp_path):
    options = ["--journal", str(tmp_path / "journal"), "--hold", str(tmp_path / "hold")]
    guardian = subprocess.Popen(
        [sys.executable, "-m", "wca.allocations.guardian", *options], stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 20
        while os.getsid(guardian.pid) != guardian.pid and time.monotonic() < deadline:
            time.sleep(0.01)
        assert os.getsid(guardian.pid) == guardian.pid
        guardian.send_signal(signal.SIGHUP)
        guardian.send_signal(signal.SIGTERM)
        assert guardian.wait(20) == 0
    finally:
        guardian.kill()
        guardian.communicate()


@pytest.mark.parametrize("every", ["0", "never", "nan", "1e9"])
def test_an_interval_that_is_none_is_refused(every, capsys):
    with pytest.raises(SystemExit):
        main(["--every", every])
    assert "is no number of seconds from 0.01 to 60" in capsys.readouterr().err
