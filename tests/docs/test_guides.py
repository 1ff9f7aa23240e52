"""What the guides print is true: their Python runs, their YAML builds, their links lead somewhere."""

import logging
import re
import sys
import types

import pytest

from tests.docs.pages import PAGES, blocks, languages
from wca.components import load_registry
from wca.config.loader import load_component, load_config
from wca.storage import Storage


def test_every_block_says_what_it_is():
    assert languages() <= {"sh", "yaml", "python", "text", "{toctree}"}


@pytest.mark.parametrize(("page", "line", "code"), blocks("python"))
def test_a_python_block_runs(page, line, code, tmp_path):
    module = types.ModuleType(f"block_{line}")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    root = logging.getLogger()
    handlers = list(root.handlers)
    try:
        exec(compile(code, f"{page}:{line}", "exec"), module.__dict__)
        for name in [name for name in vars(module) if name.startswith("test_")]:
            getattr(module, name)(tmp_path)
    finally:
        del sys.modules[module.__name__]
        root.handlers[:] = handlers


@pytest.mark.parametrize(("page", "line", "text"), blocks("yaml"))
def test_a_yaml_block_builds(page, line, text, tmp_path, monkeypatch):
    monkeypatch.setenv("HOST_IP", "127.0.0.1")
    monkeypatch.setenv("SPOOL", str(tmp_path / "spool"))
    (tmp_path / "node.yaml").write_text("!StaticNode {tasks: []}\n")
    config = tmp_path / "config.yaml"
    config.write_text(text)
    if text.startswith("storage:"):  # a file for `wca wrap`
        config.chmod(0o600)
        assert load_component(str(config), "storage", Storage, load_registry())
        return
    assert load_config(str(config), load_registry()).runner is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_a_file_leads_to_one(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
