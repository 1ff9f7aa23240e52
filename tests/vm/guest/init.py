"""Process 1 of the guest: mount, run /vm/job.py, report, switch off. Copied to /init by image.py.

Where systemd is to be process 1, this program becomes systemd, which starts it again as a service
with the argument `job`: to run the job, report and switch off.

The report goes to the second serial port as base64 of JSON, so that what the kernel prints on the
first one cannot mix with it.
"""

import base64
import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import termios

MOUNTS = (
    ("proc", "/proc", "proc"),
    ("sysfs", "/sys", "sysfs"),
    ("devtmpfs", "/dev", "devtmpfs"),
    ("tmpfs", "/tmp", "tmpfs"),
    ("cgroup2", "/sys/fs/cgroup", "cgroup2"),
)
SYSTEMD = "/usr/lib/systemd/systemd"
POWER_OFF = 0x4321FEDC  # include/uapi/linux/reboot.h
IFF_UP = 1
SIOCSIFFLAGS = 0x8914
libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind):
    """Mount one file system, or stop with the kernel's reason on the console."""
    if libc.mount(source.encode(), target.encode(), kind.encode(), 0, None):
        raise OSError(ctypes.get_errno(), f"mount {kind} on {target}")


def enable_controllers():
    """Give every controller the kernel has to the groups below the root."""
    with open("/sys/fs/cgroup/cgroup.controllers") as given:
        names = given.read().split()
    for name in names:
        with open("/sys/fs/cgroup/cgroup.subtree_control", "w") as control:
            control.write("+" + name)


def raise_loopback():
    """Let programs of the guest talk to each other over 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def run_job(settings):
    """Run the job; a job that takes too long is ended and what it printed is kept."""
    environment = {**settings["environment"], "HOME": "/root", "PATH": "/usr/bin:/bin"}
    job = subprocess.Popen(
        [sys.executable, "/vm/job.py"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd="/vm/src",
    )
    timed_out = False
    try:
        out, err = job.communicate(timeout=settings["timeout"])
    except subprocess.TimeoutExpired:
        timed_out = True
        job.kill()
        out, err = job.communicate()
    return {
        "stdout": out.decode(errors="replace"),
        "stderr": err.decode(errors="replace"),
        "exit_code": job.returncode,
        "timed_out": timed_out,
    }


def report(result):
    """Send the result to the host and wait until it is out."""
    port = os.open("/dev/ttyS1", os.O_WRONLY | os.O_NOCTTY)
    attributes = termios.tcgetattr(port)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(port, termios.TCSANOW, attributes)
    data = base64.b64encode(json.dumps(result).encode()) + b"\n"
    while data:
        data = data[os.write(port, data) :]
    termios.tcdrain(port)


def set_up(settings):
    """Mount everything that the job may need."""
    for entry in MOUNTS:
        mount(*entry)
    enable_controllers()
    raise_loopback()
    if settings["resctrl"]:
        mount("resctrl", "/sys/fs/resctrl", "resctrl")


def main():
    """Everything in order; whatever fails, the machine is switched off."""
    try:
        with open("/vm/settings.json") as given:
            settings = json.load(given)
        if settings["systemd"] and sys.argv[1:] != ["job"]:
            os.execv(SYSTEMD, [SYSTEMD])
        if not settings["systemd"]:
            set_up(settings)
        report(run_job(settings))
    finally:
        libc.reboot(ctypes.c_int(POWER_OFF))


main()
