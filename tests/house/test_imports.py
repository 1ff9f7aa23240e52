"""Import directions: who may know whom. A module without a place in the table fails."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: From the top down: a module may import what stands in its own row or in a later one, and
#: nothing of an earlier one. The longest prefix that matches a module's name is its place.
LAYERS: list[tuple[str, ...]] = [
    ("wca.__main__",),
    ("wca.main",),
    ("wca.commands", "wca.environment"),
    ("wca.components",),
    ("wca.planning",),
    (
        "wca.runners",
        "wca.status",
        "wca.training",
        "wca.wrapping",
        "wca.cloudwatch",
        "wca.dashboards",
        "wca.doctor",
        "wca.top",
        "wca.workers",
    ),
    ("wca.recording",),
    ("wca.containers", "wca.allocations", "wca.audit", "wca.storage.outlet", "wca.http", "wca.web"),
    ("wca.allocators",),
    ("wca.nodes", "wca.storage", "wca.collectors", "wca.detectors", "wca.platforms"),
    ("wca.http_client",),
    ("wca.linux",),
    ("wca.config",),
    ("wca.databases",),
    ("wca.security",),
    ("wca.metrics",),
    ("wca.config.types", "wca.config.units", "wca.config.words"),
    (
        "wca.abilities",
        "wca.calling",
        "wca.clock",
        "wca.durable",
        "wca.errors",
        "wca.gc_tuning",
        "wca.lazy",
        "wca.logger",
        "wca.naming",
        "wca.supervisor",
        "wca.telemetry",
        "wca.version",
        "wca",
    ),
]

#: Contracts: every one may be imported from the layers above them.
CONTRACTS = (
    "wca.runners.api",
    "wca.nodes.api",
    "wca.storage.api",
    "wca.collectors.api",
    "wca.detectors.api",
    "wca.allocators.api",
    "wca.platforms.api",
    "wca.http.api",
    "wca.allocations.api",
)
CONTRACT_IMPORTS = ("wca.errors", "wca.supervisor", "wca.metrics", "wca.config.types", *CONTRACTS)

IMPLEMENTATIONS = (
    "wca.nodes",
    "wca.storage",
    "wca.collectors",
    "wca.detectors",
    "wca.allocators",
    "wca.platforms",
)
#: An allocator may own a detector, and looks at tasks as detectors do.
OWNERS = {("wca.allocators", "wca.detectors")}
#: What would let a detector know another time than the platform's, or answer by chance.
CLOCKS_AND_CHANCE = {"time", "datetime", "random", "secrets", "wca.clock"}


def modules():
    for path in sorted((ROOT / "wca").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(modules())


def imports_of(name):
    """Modules of ours that a module imports, those for the type checker alone left out."""
    tree = ast.parse(MODULES[name].read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative imports hide where a name comes from"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else node.module)
                found |= re_exported(node.module, alias.name)
    return {module for module in found if module == "wca" or module.startswith("wca.")}


def re_exported(package, name):
    """The module behind a name that a package resolves lazily."""
    init = ROOT / package.replace(".", "/") / "__init__.py"
    if not package.startswith("wca.") or not init.is_file():
        return set()
    found = re.search(rf'"{name}": "(wca[\w.]+)"', init.read_text())
    return {found[1]} if found else set()


def matches(name, prefix):
    return name == prefix or (prefix != "wca" and name.startswith(prefix + "."))


def layer(name):
    """The row of the longest prefix that matches."""
    places = [
        (len(prefix), row)
        for row, prefixes in enumerate(LAYERS)
        for prefix in prefixes
        if matches(name, prefix)
    ]
    return max(places)[1] if places else None


PLACED = [name for name in MODULES if not matches(name, "wca.testing")]


@pytest.mark.parametrize("name", PLACED)
def test_a_module_imports_downwards_only(name):
    here = layer(name)
    assert here is not None, f"{name} has no place in the table of import directions"
    for imported in imports_of(name):
        if imported in CONTRACTS:
            continue
        there = layer(imported)
        assert there is not None, f"{imported} has no place in the table of import directions"
        assert there >= here, f"{name} imports {imported}, which stands above it"


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_knows_contracts_and_pure_data_only(name):
    for imported in imports_of(name):
        assert any(matches(imported, allowed) for allowed in CONTRACT_IMPORTS), imported


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith(IMPLEMENTATIONS)])
def test_implementations_of_different_kinds_do_not_know_each_other(name):
    own = next(package for package in IMPLEMENTATIONS if matches(name, package))
    for imported in imports_of(name):
        for other in IMPLEMENTATIONS:
            if (own, other) in OWNERS:
                continue
            if other != own and matches(imported, other):
                assert imported in (*CONTRACTS, other), f"{name} imports {imported}"


@pytest.mark.parametrize("name", [n for n in MODULES if matches(n, "wca.config")])
def test_the_configuration_core_knows_no_component(name):
    for imported in imports_of(name):
        assert (
            matches(imported, "wca.config")
            or layer(imported) > layer("wca.config")
            or (imported in CONTRACTS)
        ), f"{name} imports {imported}"


@pytest.mark.parametrize("name", [n for n in MODULES if matches(n, "wca.linux")])
def test_the_kernels_files_know_errors_only(name):
    assert all(matches(i, "wca.linux") or i == "wca.errors" for i in imports_of(name))


@pytest.mark.parametrize(
    "name", [n for n in MODULES if matches(n, "wca.detectors") or matches(n, "wca.allocators")]
)
def test_a_detector_knows_no_clock_and_no_chance(name):
    imported = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    assert not imported & CLOCKS_AND_CHANCE
    assert "os.urandom" not in MODULES[name].read_text()


def test_a_name_that_a_package_resolves_lazily_is_seen():
    assert re_exported("wca.storage", "LogStorage") == {"wca.storage.log"}


@pytest.mark.parametrize("name", PLACED)
def test_nothing_of_the_agent_imports_the_test_kit(name):
    assert not any(matches(imported, "wca.testing") for imported in imports_of(name))
