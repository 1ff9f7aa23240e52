"""Which processor this is, from /proc/cpuinfo."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wca.linux.files import Kernel
from wca.linux.parse import Malformed
from wca.linux.perf.cpu_model import CpuModel, parse_cpu_model, read_cpu_model
from wca.testing import KernelTree

X86 = b"""processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R): a name with a colon
stepping\t: 7
flags\t\t: fpu vme

processor\t: 1
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 1
stepping\t: 0
"""
ARM64 = b"""processor\t: 0
BogoMIPS\t: 50.00
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1
"""


def test_the_first_cpu_of_x86_counts():
    assert parse_cpu_model(X86) == CpuModel("GenuineIntel", 6, 85, 7)


def test_arm64_has_implementer_part_and_revision():
    assert parse_cpu_model(ARM64) == CpuModel("0x41", 0, 0xD0C, 1)


@pytest.mark.parametrize("data", [b"", b"processor : 0\n", X86.replace(b"85", b"x"), ARM64[:60]])
def test_what_tells_no_model_is_malformed(data):
    with pytest.raises(Malformed, match="/proc/cpuinfo"):
        parse_cpu_model(data)


def test_a_machine_that_does_not_tell_has_no_model(tmp_path):
    tree = KernelTree(tmp_path)
    tree.write("/proc/cpuinfo", "nothing\n")
    assert read_cpu_model(tree.kernel) is None
    tree.remove("/proc/cpuinfo")
    assert read_cpu_model(tree.kernel) is None


def test_this_machine_has_one():
    assert read_cpu_model(Kernel()) is not None


@given(
    st.binary(max_size=200) | st.text(alphabet="vendor_id\t: 0x1\n", max_size=80).map(str.encode)
)
@example(X86[:70])
def test_any_bytes_are_a_model_or_malformed(data):
    with contextlib.suppress(Malformed):
        assert parse_cpu_model(data).vendor is not None
