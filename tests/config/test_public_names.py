"""What `wca.config` promises to outside code."""

import subprocess
import sys

import wca.config


def test_every_public_name_resolves():
    for name in wca.config.__all__:
        assert getattr(wca.config, name).__name__ == name


def test_the_names_of_the_first_release_are_there():
    assert {
        "register", "load_config", "Numeric", "Str", "Path", "Url", "IpPort", "ConfigLoadError",
        "ValidationError",
    } <= set(wca.config.__all__)  # fmt: skip


def test_a_component_that_needs_only_annotations_loads_no_parser():
    code = (
        "import sys, wca.config.types; print('ruamel' in sys.modules, 'wca.logger' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
