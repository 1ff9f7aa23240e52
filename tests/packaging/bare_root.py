"""A root file system with next to nothing in it, and programs that run in it."""

import os
import re
import shutil
import subprocess

from tests.services import missing, program

# Where the host's are needed: what is measured, and what every program may open.
_MOUNTED = ("proc", "sys", "dev")


class Root:
    """A folder that is the root of what runs in it.

    Args:
        folder: with whatever is to be there.
    """

    def __init__(self, folder):
        self.folder = str(folder)
        for name in (*_MOUNTED, "tmp"):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)

    def run(self, *command, **environment):
        """A command inside; its mounts are gone with it."""
        mounts = "; ".join(f"mount --rbind /{one} {self.folder}/{one}" for one in _MOUNTED)
        inside = f'set -e; {mounts}; exec chroot {self.folder} "$@"'
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", inside, "sh", *command],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def path(self, name):
        """Where a file of this root is for others."""
        return os.path.join(self.folder, name.lstrip("/"))

    def put(self, name, text):
        """Write a file that nobody but root may write."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o644)
        return name


def with_a_shell(folder):
    """A root with a shell and the libraries that it needs, and nothing else: no Python, no tools."""
    root = Root(folder)
    shell = os.path.realpath(program("dash", package="dash"))
    _copy(root, shell, "/bin/sh")
    done = subprocess.run(["ldd", shell], capture_output=True, text=True, check=True)
    for library in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, re.MULTILINE):
        _copy(root, library, library)
    return root


def of_debian(folder, release):
    """What debootstrap makes of a release: the least that Debian calls a system."""
    command = [program("debootstrap", package="debootstrap"), "--variant=minbase"]
    done = subprocess.run(
        [*command, release, str(folder)], capture_output=True, text=True, timeout=900, check=False
    )
    if done.returncode:
        missing(f"debootstrap cannot fetch {release}: {(done.stdout + done.stderr)[-300:]}")
    return Root(folder)


def _copy(root, source, name):
    os.makedirs(os.path.dirname(root.path(name)), exist_ok=True)
    shutil.copy(source, root.path(name))
