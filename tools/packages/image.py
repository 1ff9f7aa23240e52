"""The container image: the same folder in /opt/wca, and nothing else, not even a shell."""

import json
import os
import shutil
import subprocess

from tools.packages.archive import EPOCH, set_modes, version
from tools.packages.interpreter import LOADER, NATIVE, Loader
from tools.packages.launchers import PROGRAMS
from tools.packages.programs import need

__all__ = ["lay_out", "write_image"]

HOME = "/opt/wca"
CONTAINERFILE = os.path.join("configs", "deploy", "container", "Containerfile.dist")
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
#: Without a shell a program names its interpreter, whose libraries are where the loader looks.
_PROGRAM = """\
#!{home}/bin/python -I
import runpy
import sys

sys.argv[1:1] = {arguments!r}
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""
_USERS = "root:x:0:0:root:/:/sbin/nologin\nwca:x:65532:65532:wca:/:/sbin/nologin\n"
_GROUPS = "root:x:0:\nwca:x:65532:\n"
#: What may be pushed is everybody's own business; this is a file.
_POLICY = {"default": [{"type": "insecureAcceptAnything"}]}


def write_image(home: str, loader: Loader, stage: str, scratch: str, output: str) -> None:
    """Build it.

    Args:
        home: the folder that every package holds.
        loader: where its programs expect theirs.
        stage: a folder to lay the image out in, on the same file system; it is not there yet.
        scratch: a folder for buildah's own files.
        output: path of the archive, in OCI's layout.
    """
    lay_out(home, loader, stage)
    policy = os.path.join(scratch, "policy.json")
    with open(policy, "w", encoding="utf-8") as out:
        json.dump(_POLICY, out)
    name = f"localhost/wca:{version()}"
    options = ["--isolation", "chroot", "--timestamp", str(EPOCH), "--layers=false"]
    _buildah(scratch, "build", "--quiet", *options, "--tag", name, "--file", CONTAINERFILE, stage)
    target = f"oci-archive:{output}:wca:{version()}"
    _buildah(scratch, "push", "--quiet", "--signature-policy", policy, name, target)


def lay_out(home: str, loader: Loader, stage: str) -> None:
    """Lay the image's root file system out, see ``write_image``."""
    shutil.copytree(home, stage + HOME, copy_function=os.link, symlinks=True)
    native = f"{HOME}/{NATIVE}"
    shutil.rmtree(f"{stage}{HOME}/bin")
    for name in ("python", "python3"):
        _link(f"{stage}{HOME}/bin/{name}", f"{native}/python3")
    for name, arguments in PROGRAMS.items():
        if arguments:
            _write_program(f"{stage}{HOME}/bin/{name}", *arguments.split()[1:])
    _link(stage + loader.path, f"{native}/{LOADER}")
    _link(stage + loader.libraries, native)
    _put(f"{stage}/etc/passwd", _USERS)
    _put(f"{stage}/etc/group", _GROUPS)
    if os.path.exists(AUTHORITIES):
        with open(AUTHORITIES, encoding="utf-8") as given:
            _put(stage + AUTHORITIES, given.read())
    for path in ("tmp", "var/lib/wca", "run/wca", "proc", "sys", "dev"):
        os.makedirs(f"{stage}/{path}")
    set_modes(stage)
    os.chmod(f"{stage}/tmp", 0o1777)  # noqa: S103, S108 - of the image, as everywhere


def _write_program(path: str, module: str, *arguments: str) -> None:
    _put(path, _PROGRAM.format(home=HOME, module=module, arguments=list(arguments)))
    os.chmod(path, 0o755)  # noqa: S103 - it is a program


def _link(path: str, target: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(target, path)


def _put(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def _buildah(scratch: str, command: str, *arguments: str) -> None:
    store = ["--root", f"{scratch}/store", "--runroot", f"{scratch}/run"]
    # Files only: no mount is needed, so that it works in a container, too.
    program = [need("buildah", "buildah"), *store, "--storage-driver", "vfs"]
    subprocess.run(  # noqa: S603
        [*program, command, *arguments], check=True, stdout=subprocess.DEVNULL
    )
