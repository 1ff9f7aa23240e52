"""Build packages: `python -m tools.packages FOLDER [tarball] [deb] [image]`, by default all.

Run by `make dist` in the project's folder. The same sources on the same machine give the same
bytes.
"""

import argparse
import os
import platform
import tempfile

from tools.packages import archive, debian, image
from tools.packages.home import build_home

KINDS = ("tarball", "deb", "image")


def main() -> None:
    """Build in a temporary folder; each package appears whole or not at all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("kinds", nargs="*", metavar="tarball|deb|image")
    args = parser.parse_args()
    unknown = sorted(set(args.kinds) - set(KINDS))
    if unknown:
        parser.error(f"there is no package {unknown[0]}: write {', '.join(KINDS)}")
    folder = os.path.abspath(args.folder)
    os.environ["SOURCE_DATE_EPOCH"] = str(archive.EPOCH)
    os.umask(0o022)
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for path in _build(scratch, args.kinds or KINDS):
            target = os.path.join(folder, os.path.basename(path))
            os.replace(path, target)
            print(os.path.relpath(target))  # noqa: T201 - the command's own output


def _build(scratch: str, kinds: list[str] | tuple[str, ...]) -> list[str]:
    version, machine = archive.version(), platform.machine()
    home = os.path.join(scratch, f"wca-{version}-linux-{machine}")
    loader = build_home(home, scratch)
    archive.set_modes(home)
    built = []
    if "tarball" in kinds:
        built.append(f"{home}.tar.gz")
        archive.write_tarball(home, built[-1])
    if "deb" in kinds:
        built.append(f"{scratch}/wca_{version}_{debian.architecture()}.deb")
        debian.write_package(home, f"{scratch}/deb", built[-1])
    if "image" in kinds:
        built.append(f"{scratch}/wca-{version}-image-{machine}.tar")
        image.write_image(home, loader, f"{scratch}/image", scratch, built[-1])
    return built


if __name__ == "__main__":
    main()
