"""Run a Python program as root on a kernel of its own: cgroup v2 only, NUMA, resctrl, perf.

The kernel is the newest of Debian's cloud kernels in `/boot` (package linux-image-cloud-amd64). The
emulator is the one that the environment variable `WCA_QEMU` names, else `qemu-system-x86_64`. No
hardware virtualisation is needed.
"""

import base64
import dataclasses
import functools
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping

from tests.vm.image import write_image
from tests.vm.systemd import Systemd, systemd_folder

__all__ = ["VmError", "VmNotPatched", "VmResult", "VmUnavailable", "run_in_vm"]

KERNELS = "/boot/vmlinuz-*-cloud-amd64"
FIRMWARE = ("/usr/share/qemu", "/usr/share/seabios")
# Seconds to boot, to load the image and to switch off; beyond them the emulator is stopped.
BOOT_ALLOWANCE = 60.0
# More emulated CPUs than these take turns on one thread: as threads of their own they would starve
# each other while one waits for an answer of another.
MANY_CPUS = 8
# Turns of the kernel's delay loop in a tick; delays are timed by a clock where there is one.
DELAY = 4_000_000


class VmUnavailable(Exception):  # noqa: N818 - a state of the machine, not a mistake
    """This machine cannot run the wanted guest; the text says why."""


class VmNotPatched(VmUnavailable):
    """The emulator works, but it is not the patched one that shows RDT and a PMU."""


class VmError(Exception):
    """The guest did not come back with a result; the text holds its console."""


@dataclasses.dataclass(frozen=True)
class VmResult:
    """What the job did.

    Args:
        stdout: what it printed.
        stderr: what it printed there.
        exit_code: as `subprocess` tells it; negative is a signal.
        timed_out: the guest ended it after its time.
    """

    stdout: str
    stderr: str
    exit_code: int
    timed_out: bool


def run_in_vm(
    script: str,
    *,
    sources: Iterable[str] = ("wca",),
    files: Mapping[str, str] | None = None,
    numa: bool = False,
    rdt: bool = False,
    pmu: bool = False,
    cpus: int = 2,
    memory: int = 768,
    disk: int = 0,
    systemd: Systemd | None = None,
    timeout: float = 90.0,
) -> VmResult:
    """Boot a guest, run `script` in it as root with Python, switch it off.

    The guest has the interpreter that runs this, its standard library and the packages of
    requirements.txt. cgroup v2 is mounted at /sys/fs/cgroup with every controller enabled below
    the root; /tmp is writable; there is no shell and no network but 127.0.0.1.

    Args:
        script: Python source.
        sources: folders of the project that the script can import or read; it starts where they are.
        files: further files, absolute path in the guest to text.
        numa: two nodes with two CPUs each instead of one node.
        rdt: Intel RDT, with resctrl mounted at /sys/fs/resctrl. Needs the patched emulator.
        pmu: counting hardware events. Needs the patched emulator.
        cpus: how many, without `numa`.
        memory: MiB.
        disk: MiB of an empty disk, /dev/nvme0n1; 0: none.
        systemd: process 1 is systemd, which mounts the cgroups as it does and runs the script as a
            service; none: it is a program of ours.
        timeout: seconds for the script.

    Raises:
        VmUnavailable: no kernel, no emulator, or not one that can do this.
        VmError: the guest crashed or hung.
    """
    emulator = _emulator(patched=rdt or pmu)
    kernel = _kernel()
    process_1 = None if systemd is None else (systemd, _systemd_folder())
    with tempfile.TemporaryDirectory(prefix="wca-vm-") as folder:
        image = os.path.join(folder, "image")
        with open(image, "wb") as out:
            write_image(
                out,
                script,
                sources=sources,
                files=files or {},
                timeout=timeout,
                resctrl=rdt,
                systemd=process_1,
            )
        command = [emulator, "-kernel", kernel, "-initrd", image]
        command += _machine(numa=numa, intel=rdt or pmu, cpus=cpus, memory=memory)
        command += _disk(folder, disk) if disk else []
        command += _console(folder, "" if systemd is None else systemd.arguments)
        environment = os.environ | ({"WCA_RDT": "1"} if rdt else {})
        environment |= {"WCA_PMU": "1"} if pmu else {}
        _boot(command, environment, timeout + BOOT_ALLOWANCE, folder)
        return _result(folder)


def _emulator(*, patched: bool) -> str:
    name = os.environ.get("WCA_QEMU") or "qemu-system-x86_64"
    path = shutil.which(name)
    if path is None:
        raise VmUnavailable(f"no emulator: {name} is not there (package qemu-system-x86)")
    if patched and not _knows_hardware(path):
        raise VmNotPatched(f"{name} cannot emulate RDT and a PMU; name one in WCA_QEMU that can")
    return path


@functools.cache
def _knows_hardware(path: str) -> bool:
    """Whether the emulator has the patch: it then asks for this variable by name."""
    with open(path, "rb") as program:
        return b"WCA_RDT" in program.read()


def _kernel() -> str:
    found = [path for path in glob.glob(KERNELS) if os.access(path, os.R_OK)]
    if not found:
        raise VmUnavailable(f"no readable kernel at {KERNELS} (package linux-image-cloud-amd64)")
    return max(found, key=lambda path: [int(part) for part in re.findall(r"\d+", path)])


def _machine(*, numa: bool, intel: bool, cpus: int, memory: int) -> list[str]:
    model = "Icelake-Server,level=0x1f,model=106" if intel else "max"
    accelerator = "tcg" if cpus <= MANY_CPUS else "tcg,thread=single"
    options = ["-accel", accelerator, "-m", str(memory), "-cpu", model]
    if not numa:
        return [*options, "-smp", str(cpus)]
    options += ["-smp", "4,sockets=2,cores=2"]
    for node, numbers in enumerate(("0-1", "2-3")):
        options += ["-object", f"memory-backend-ram,id=m{node},size={memory // 2}M"]
        options += ["-numa", f"node,nodeid={node},cpus={numbers},memdev=m{node}"]
    return options


def _disk(folder: str, size: int) -> list[str]:
    path = os.path.join(folder, "disk")
    with open(path, "wb") as empty:
        empty.truncate(size << 20)
    drive = f"file={path},if=none,id=disk,format=raw,cache=unsafe"
    return ["-drive", drive, "-device", "nvme,serial=wca,drive=disk"]


def _systemd_folder() -> str:
    found = systemd_folder()
    if found is None:
        raise VmUnavailable("no systemd to put into the guest (Debian's package systemd)")
    return found


def _console(folder: str, arguments: str) -> list[str]:
    options = ["-display", "none", "-monitor", "none", "-no-reboot", "-nic", "none"]
    options += ["-serial", f"file:{folder}/console", "-serial", f"file:{folder}/result"]
    for path in filter(os.path.isdir, FIRMWARE):
        options += ["-L", path]
    # lpj: with many CPUs on few real ones the kernel cannot measure its delay loop, and tries long.
    line = f"console=ttyS0 quiet panic=-1 psi=1 nmi_watchdog=0 lpj={DELAY} {arguments}"
    return [*options, "-append", line.rstrip()]


def _boot(command: list[str], environment: dict[str, str], timeout: float, folder: str) -> None:
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        raise VmError(
            f"no end after {timeout} s; console:\n{_read(folder, 'console')}"
        ) from expired
    if done.returncode:
        raise VmError(f"the emulator ended with {done.returncode}: {done.stderr}")


def _result(folder: str) -> VmResult:
    data = _read(folder, "result")
    if not data.strip():
        raise VmError(f"no result; console:\n{_read(folder, 'console')}")
    return VmResult(**json.loads(base64.b64decode(data)))


def _read(folder: str, name: str) -> str:
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as given:
        return given.read()
