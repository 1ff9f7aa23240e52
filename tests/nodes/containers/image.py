"""A container image of one static program, as a tar file that containerd and Docker import."""

import hashlib
import io
import json
import subprocess
import tarfile

from tests import services

PAUSE, BOX = "wca.test/pause:1", "wca.test/box:1"

#: Waits; with an argument it computes. Both until it is told to end, also as process 1.
_PROGRAM = """
#include <signal.h>
#include <unistd.h>
static void end(int number) { (void)number; _exit(0); }
int main(int count, char **words) {
  (void)words;
  signal(SIGTERM, end);
  signal(SIGINT, end);
  for (volatile unsigned long number = 0;; number++)
    if (count < 2) pause();
}
"""
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def build(folder):
    """Compile the program and pack it. Returns the path of the tar file."""
    source, program = folder / "box.c", folder / "box"
    source.write_text(_PROGRAM)
    compiler = services.program("gcc", package="gcc and libc6-dev")
    command = [compiler, "-static", "-O1", "-o", program, source]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        services.missing(f"no static program can be made (libc6-dev): {made.stderr}")
    layer = _tar({"box": program.read_bytes()})
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True)
    config = {
        "architecture": _MACHINES[machine.stdout.strip()],
        "os": "linux",
        "config": {"Entrypoint": ["/box"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        "history": [{}],
    }
    path = folder / "image.tar"
    path.write_bytes(_tar(_layout(json.dumps(config).encode(), layer)))
    return path


def _layout(config, layer):
    """Files of an OCI image layout, and of Docker's own format beside it."""
    kind = "application/vnd.oci.image."
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}manifest.v1+json",
        "config": {"mediaType": f"{kind}config.v1+json", **_described(config)},
        "layers": [{"mediaType": f"{kind}layer.v1.tar", **_described(layer)}],
    }
    manifest = json.dumps(manifest).encode()
    index = [
        {
            "mediaType": f"{kind}manifest.v1+json",
            **_described(manifest),
            "annotations": {"io.containerd.image.name": name},
        }
        for name in (PAUSE, BOX)
    ]
    docker = {"Config": _place(config), "RepoTags": [PAUSE, BOX], "Layers": [_place(layer)]}
    return {
        **{_place(data): data for data in (config, layer, manifest)},
        "index.json": json.dumps({"schemaVersion": 2, "manifests": index}).encode(),
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "manifest.json": json.dumps([docker]).encode(),
    }


def _tar(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def _digest(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _described(data):
    return {"digest": _digest(data), "size": len(data)}


def _place(data):
    return f"blobs/sha256/{_digest(data).removeprefix('sha256:')}"
