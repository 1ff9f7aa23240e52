"""Freed memory goes back to the system, where the C library can be asked for it."""

import platform
import subprocess
import sys

import pytest

from tests.services import missing
from wca.linux.heap import give_back_memory

# In a process of its own: in one that has run for long, there is room between what is still used.
SCRIPT = """
from wca.linux.heap import give_back_memory

SIZE = 2000  # beyond what Python takes from its own store

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

before = resident()
blocks = [bytes(SIZE) for _ in range(20_000)]
behind = bytes(SIZE)
del blocks
kept = resident() - before
give_back_memory()
print(kept, resident() - before)
"""


def test_what_was_freed_goes_back_although_something_behind_it_is_still_used():
    if platform.libc_ver()[0] != "glibc":
        missing("only glibc can be asked to give memory back")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    kept, left = map(int, done.stdout.split())
    assert kept > 20_000_000
    assert left < kept / 2


@pytest.mark.parametrize("library", ["libm.so.6", "no-such-library.so"])
def test_a_library_without_the_call_changes_nothing(library):
    give_back_memory(library)
