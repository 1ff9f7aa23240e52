"""A container of the real runc, with limits of its own on cgroup v1."""

import glob
import json
import os
import subprocess

from tests.cgroup_fixtures import remove_group

#: What the container is given, by the file of the kernel.
LIMITS = {
    "cpu.shares": "512",
    "cpu.cfs_quota_us": "150000",
    "cpu.cfs_burst_us": "0",
    "cpu.idle": "0",
    "cpuset.cpus": f"0-{os.cpu_count() - 1}" if os.cpu_count() > 1 else "0",
    "memory.limit_in_bytes": str(128 << 20),
    "pids.max": "100",
}


class RuncContainer:
    """Runs one program that waits; a context manager.

    Args:
        runc: path of the program.
        folder: for its files; there is ``box``, the program that it runs.
        path: of its group; the folder above it is removed, too.
    """

    def __init__(self, runc, folder, path):
        self.folder, self.path = folder, path
        self._runc = [runc, "--root", str(folder / "state")]
        self.id = path.strip("/").replace("/", "-")

    def __enter__(self):
        root = self.folder / "root"
        for name in ("proc", "dev"):
            (root / name).mkdir(parents=True)
        os.link(self.folder / "box", root / "box")
        (self.folder / "config.json").write_text(json.dumps(self._config()))
        self._call("run", "--detach", "--bundle", str(self.folder), self.id, check=True)
        return self

    def __exit__(self, *_):
        self._call("delete", "--force", self.id)
        above = os.path.dirname(self.path)
        for folder in sorted(glob.glob(f"/sys/fs/cgroup/*{above}"), key=len):
            remove_group(folder)

    def update(self, option, value):
        """``runc update``; its exit code and what it says."""
        done = self._call("update", option, value, self.id)
        return done.returncode, done.stderr

    def write(self, name, text):
        """What anybody who may write to the group does."""
        with open(self._file(name), "w") as file:
            file.write(text)

    def files(self):
        """What the kernel has, by name of the file."""
        found = {}
        for name in LIMITS:
            with open(self._file(name)) as file:
                found[name] = file.read().strip()
        return found

    def _file(self, name):
        return f"/sys/fs/cgroup/{name.partition('.')[0]}{self.path}/{name}"

    def _call(self, *arguments, check=False):
        # In a file, because the container holds it open as long as it lives.
        with open(self.folder / "said", "w+") as said:
            done = subprocess.run(
                [*self._runc, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                check=False,
                timeout=30,
            )
            said.seek(0)
            done.stderr = said.read()
        assert not check or done.returncode == 0, done.stderr
        return done

    def _config(self):
        return {
            "ociVersion": "1.0.2",
            "root": {"path": "root", "readonly": True},
            "process": {"args": ["/box"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "linux": {
                "namespaces": [{"type": "pid"}, {"type": "mount"}],
                "cgroupsPath": self.path,
                "resources": {
                    "cpu": {
                        "shares": 512,
                        "quota": 150_000,
                        "period": 100_000,
                        "cpus": LIMITS["cpuset.cpus"],
                    },
                    "memory": {"limit": 128 << 20},
                    "pids": {"limit": 100},
                },
            },
        }
