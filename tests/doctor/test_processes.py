"""What a collector opens of processes: tests/packaging/test_capabilities.py has it refused."""

import os
import subprocess

import pytest

from wca.doctor.processes import process_refusal
from wca.doctor.rights import capability_remedy

WANTED = {"ns/net": "CAP_SYS_PTRACE", "smaps_rollup": "CAP_SYS_PTRACE", "clear_refs": "CAP_ANY"}


def test_nothing_of_ones_own_processes_is_refused():
    assert process_refusal(WANTED, [os.getpid()]) == ""


def test_a_process_that_has_ended_refuses_nothing():
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert process_refusal(WANTED, [ended.pid]) == ""


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("no such file", ""),
        (
            "it needs CAP_SYS_PTRACE and CAP_DAC_OVERRIDE, or CAP_SYS_PTRACE",
            (
                "add CAP_DAC_OVERRIDE CAP_SYS_PTRACE to AmbientCapabilities and CapabilityBoundingSet "
                "of its unit"
            ),
        ),
    ],
)
def test_a_refusal_that_names_capabilities_says_where_they_are_given(reason, remedy):
    assert capability_remedy(reason) == remedy
