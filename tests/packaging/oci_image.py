"""An image in OCI's layout, and a container of it by the real runc."""

import json
import os
import subprocess
import tarfile

from tests.services import program


class Image:
    """An archive, unpacked.

    Args:
        archive: its path.
        folder: for its files.
    """

    def __init__(self, archive, folder):
        self.folder = folder
        with tarfile.open(archive) as packed:
            packed.extractall(folder / "layout", filter="data")
        (manifest,) = self._blob_of("index.json")["manifests"]
        self.name = manifest["annotations"]["org.opencontainers.image.ref.name"]
        self.manifest = self._blob(manifest)
        self.config = self._blob(self.manifest["config"])
        self.root = folder / "root"
        self.root.mkdir()
        for layer in self.manifest["layers"]:
            with tarfile.open(self._path(layer["digest"])) as packed:
                packed.extractall(self.root, filter="tar")

    def run(self, *arguments, entrypoint=None, mounts=()):
        """Run a container without a shell, a network or a capability; the finished process.

        Args:
            arguments: instead of the image's own.
            entrypoint: instead of the image's own.
            mounts: pairs of a path of the host and one in the container, which cannot be written.
        """
        own = self.config["config"]
        user, group = own["User"].split(":")
        process = {
            "args": [*(entrypoint or own["Entrypoint"]), *(arguments or own["Cmd"])],
            "env": own["Env"],
            "cwd": "/",
            "user": {"uid": int(user), "gid": int(group)},
            "noNewPrivileges": True,
        }
        bound = [
            {"destination": inside, "source": str(path), "type": "bind", "options": ["rbind", "ro"]}
            for path, inside in mounts
        ]
        config = {
            "ociVersion": "1.0.2",
            "root": {"path": "root", "readonly": True},
            "process": process,
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, *bound],
            "linux": {"namespaces": [{"type": one} for one in ("pid", "mount", "network", "ipc")]},
        }
        (self.folder / "config.json").write_text(json.dumps(config))
        state = ["--root", str(self.folder / "state")]
        runc, name = program("runc", package="runc"), f"wca-image-{os.getpid()}"
        try:
            return subprocess.run(
                [runc, *state, "run", "--bundle", str(self.folder), name],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
        finally:
            subprocess.run(
                [runc, *state, "delete", "--force", name], capture_output=True, check=False
            )

    def _path(self, digest):
        return self.folder / "layout" / "blobs" / digest.replace(":", "/")

    def _blob(self, descriptor):
        return json.loads(self._path(descriptor["digest"]).read_text())

    def _blob_of(self, name):
        return json.loads((self.folder / "layout" / name).read_text())
