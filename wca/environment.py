"""The environment variables that the agent reads, and what they mean.

===================  ==========================================================================
``PYTHONPATH``       folders in which ``--register`` finds plugin modules
``PEX_PATH``         pex files whose modules ``--register`` finds, their dependencies included
===================  ==========================================================================

``!Env`` in a configuration file reads whatever it names; nothing else reads any.
"""

import importlib
import os
import sys
from collections.abc import Mapping

__all__ = ["extend_import_path", "plugin_entries"]


def plugin_entries(environment: Mapping[str, str]) -> list[str]:
    """The import path entries that PYTHONPATH and PEX_PATH name, in this order."""
    entries = [
        entry
        for variable in ("PYTHONPATH", "PEX_PATH")
        for entry in environment.get(variable, "").split(os.pathsep)
        if entry
    ]
    return [os.path.abspath(entry) for entry in entries]


def extend_import_path() -> None:
    """Make plugin modules importable from inside the pex, which ignores PYTHONPATH.

    They come last, so that a plugin's folder can shadow nothing of ours. A namespace package is the
    exception, it loses to a plain module anywhere on the path: ours is imported before.
    """
    importlib.import_module("ruamel")
    sys.path.extend(entry for entry in plugin_entries(os.environ) if entry not in sys.path)
