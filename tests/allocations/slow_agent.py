"""The agent on a machine where giving back takes long: ``python -m tests.allocations.slow_agent run ...``.

It has the values that the groups of the tests had before, see ``Node`` of test_kills.
"""

import sys
import time

from wca.allocations.files import KernelFiles
from wca.main import main

write = KernelFiles.write


def slow(files, path, text):
    if text in ("700", "701", "-1", "60000"):
        time.sleep(0.5)
    write(files, path, text)


if __name__ == "__main__":
    KernelFiles.write = slow
    sys.exit(main(sys.argv[1:]))
