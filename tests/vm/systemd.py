"""systemd as process 1 of the guest, from the files of this machine's package."""

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.vm.cpio import Archive

__all__ = ["Systemd", "systemd_folder"]

FOLDERS = ("/usr/lib/systemd", "/lib/systemd")
#: What systemd 252 and later start themselves.
PROGRAMS = ("systemd", "systemd-executor", "systemd-shutdown", "systemd-cgroups-agent")
#: What a job may call; they reach systemd without a message bus.
TOOLS = ("/usr/bin/systemctl", "/bin/systemctl", "/usr/bin/systemd-run")
TARGET = "wca.target"
JOB = """
[Unit]
Description=The job of the test
[Service]
ExecStart={interpreter} -IS /init job
"""
#: There is no journal.
SETTINGS = "[Manager]\nDefaultStandardOutput=null\nDefaultStandardError=null\n"

_FORCED = "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy=0"
_ARGUMENTS = {
    "v2": "systemd.unified_cgroup_hierarchy=1",
    "hybrid": f"{_FORCED} systemd.legacy_systemd_cgroup_controller=0",
    "v1": f"{_FORCED} systemd.legacy_systemd_cgroup_controller=1",
}


@dataclass(frozen=True)
class Systemd:
    """What systemd is to do.

    Args:
        units: unit files by name; all are started.
        cgroups: which hierarchies it makes; ``hybrid`` is v1 with a unified hierarchy beside it.
    """

    units: Mapping[str, str]
    cgroups: Literal["v2", "hybrid", "v1"] = "v2"

    @property
    def arguments(self) -> str:
        """For the command line of the kernel."""
        return f"systemd.unit={TARGET} systemd.show_status=0 {_ARGUMENTS[self.cgroups]}"

    def add_to(self, archive: Archive, folder: str, interpreter: str) -> list[str]:
        """Add all of it to an image.

        Args:
            archive: the image.
            folder: where this machine has systemd.
            interpreter: Python in the guest.

        Returns:
            The compiled files, whose libraries have to be there as well.
        """
        programs = [path for name in PROGRAMS if os.path.exists(path := f"{folder}/{name}")]
        for path in programs:
            archive.add_file(path, f"/usr/lib/systemd/{os.path.basename(path)}")
        tools = [path for path in TOOLS if os.path.exists(path)]
        for path in tools:
            archive.add_file(path)
        for kind in ("target", "slice"):
            for path in glob.glob(f"{folder}/system/*.{kind}"):
                archive.add_file(path, f"/usr/lib/systemd/system/{os.path.basename(path)}")
        units = {"wca-job.service": JOB.format(interpreter=interpreter), **self.units}
        wants = " ".join(units)
        units[TARGET] = f"[Unit]\nRequires=basic.target\nAfter=basic.target\nWants={wants}\n"
        for name, text in units.items():
            archive.add_bytes(f"/etc/systemd/system/{name}", text.encode())
        archive.add_bytes("/etc/systemd/system.conf", SETTINGS.encode())
        archive.add_bytes("/etc/machine-id", b"0123456789abcdef0123456789abcdef\n")
        archive.add_bytes("/etc/os-release", b"ID=wca\n")
        return programs + tools


def systemd_folder() -> str | None:
    """Where this machine has systemd; None: nowhere."""
    return next((path for path in FOLDERS if os.path.exists(f"{path}/systemd")), None)
