"""The kernel's own tables of events, from Debian's package of the kernel's source."""

import fcntl
import functools
import glob
import json
import re
import subprocess
from pathlib import Path

from tests import services

PACKAGE = "linux-source-6.12"
_ARCH = "tools/perf/pmu-events/arch"


class PmuEvents:
    """The folder tools/perf/pmu-events/arch."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @functools.cache  # noqa: B019 - one object for all tests
    def entries(self, family):
        """The events of one family by name in capitals."""
        found, common = {}, {}
        if family.startswith("arm64/"):
            for name in ("common-and-microarch.json", "recommended.json"):
                common |= {entry["EventName"]: entry for entry in self._read("arm64", name)}
        for path in sorted((self.folder / family).glob("*.json")):
            for entry in self._read(family, path.name):
                whole = common.get(entry.get("ArchStdEvent"), {}) | entry
                if "EventName" in whole:
                    found[whole["EventName"].upper()] = whole
        return found

    def _read(self, family, name):
        content = json.loads((self.folder / family / name).read_text())
        return content if isinstance(content, list) else []  # metricgroups.json is no list

    def x86_family(self, text):
        """The family of ``vendor-family-model-stepping``, as the perf tool finds it."""
        for line in (self.folder / "x86" / "mapfile.csv").read_text().splitlines()[1:]:
            pattern, _, name, _ = line.split(",")
            # tools/perf/arch/x86/util/header.c: without a stepping in the pattern it is left off
            wanted = text if pattern.count("-") == 3 else text.rpartition("-")[0]
            if re.fullmatch(pattern.replace("[[:xdigit:]]", "[0-9A-F]"), wanted):
                return f"x86/{name}"
        return None

    def arm_family(self, midr):
        """The family of a MIDR without variant and revision."""
        for line in (self.folder / "arm64" / "mapfile.csv").read_text().splitlines():
            number, *rest = line.split(",")
            if rest and number.startswith("0x") and int(number, 16) == midr:
                return f"arm64/{rest[1]}"
        return None


def pmu_events(cache):
    """The tables, unpacked once.

    Args:
        cache: pytest's cache.
    """
    archive = next(iter(glob.glob(f"/usr/src/{PACKAGE}.tar.xz")), None)
    if archive is None:
        services.missing(f"the kernel's source is not installed (Debian's package {PACKAGE})")
    folder = cache.mkdir(PACKAGE)
    done = folder / "unpacked"
    state = str(Path(archive).stat().st_mtime_ns)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run beside each other
        if not done.exists() or done.read_text() != state:
            tar = services.program("tar", package="tar")
            members = [f"{PACKAGE}/{_ARCH}/{one}/*" for one in ("x86", "arm64")]
            command = [tar, "-xJf", archive, "-C", folder, "--wildcards", *members]
            subprocess.run(command, check=True)
            done.write_text(state)
    return PmuEvents(folder / PACKAGE / _ARCH)
