"""A plugin of pytest: one module of WCA is imported with a bug in it, ``WCA_MUTANT`` says which."""

import importlib.machinery
import os
import sys

from hypothesis import Phase, settings

from tests.allocations.mutants import CONTROL, MUTANTS

__all__ = ["SourceChanged"]


class SourceChanged(importlib.machinery.SourceFileLoader):
    """Loads the source of one module with one replacement in it."""

    def __init__(self, name, path, mutant):
        super().__init__(name, path)
        self.mutant = mutant

    def get_code(self, fullname):
        source = self.get_data(self.path).decode()
        assert source.count(self.mutant.right) == 1
        return compile(source.replace(self.mutant.right, self.mutant.wrong), self.path, "exec")


class Finder:
    """Finds that module before anybody else does."""

    def __init__(self, mutant):
        self.mutant = mutant

    def find_spec(self, name, path, target=None):
        if name != self.mutant.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        spec.loader = SourceChanged(name, spec.origin, self.mutant)
        return spec


def pytest_configure():
    (chosen,) = [one for one in (CONTROL, *MUTANTS) if one.name == os.environ["WCA_MUTANT"]]
    assert chosen.module not in sys.modules
    sys.meta_path.insert(0, Finder(chosen))
    # What is found is enough, and is not kept for those who test without the bug.
    settings.register_profile(
        "mutant", phases=[Phase.explicit, Phase.generate], database=None, derandomize=True
    )
    settings.load_profile("mutant")
