#!/bin/sh
# Says in one sentence why the given Python cannot build or test WCA. Silent when it can.
# Usage: check_python.sh PYTHON
python=$1
remedy="install Python 3.11 or later with venv and run: make PYTHON=/path/to/python3"

found=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
if [ -z "$found" ]; then
    echo "WCA needs Python 3.11 or later and '$python' does not run: $remedy" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "WCA needs Python 3.11 or later and '$python' is Python $found: $remedy" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "WCA needs the venv module and '$python' (Python $found) lacks it:" \
        "install it (Debian: apt install python3-venv) or run: make PYTHON=/path/to/python3" >&2
    exit 1
fi
