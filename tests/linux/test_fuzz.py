"""Every parser of a kernel file gives a value or says Malformed, whatever is in the file.

The parsers are found, not listed: each public function of `wca.linux` whose first argument is
annotated as `bytes`, and each decoder of a collector that reads files. A parser that needs more
arguments, or is a method, is named below with what to call it with.
"""

import contextlib
import functools
import importlib
import inspect
import os
import pkgutil
import re
import tempfile
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wca.linux
from wca.collectors import Collector, NotAvailable
from wca.collectors.file_probe import FileProbe
from wca.components import BUILT_IN
from wca.linux.cgroups import CgroupHierarchies
from wca.linux.parse import KeyedNumbers, Malformed
from wca.nodes import Task
from wca.testing.kernel import KernelTree

#: Further arguments of parsers that need some, several calls for one parser.
ARGUMENTS = {
    "wca.linux.io_stat.parse_blkio": [([b"Read", b"Write"],)],
    "wca.linux.io_stat.parse_io_stat": [([b"rbytes", b"wios"],)],
    "wca.linux.numa.parse_numa_stat_v2": [(4096,)],
    "wca.linux.zoneinfo.parse_zoneinfo": [
        (),
        (re.compile(r"(\S*) *(\S*)"),),
        (re.compile("(a)?(b)?"),),
    ],
}

#: Parsers that are methods.
METHODS = {
    "wca.linux.parse.KeyedNumbers.parse": KeyedNumbers([b"pgfault ", b"total="]).parse,
    "wca.linux.parse.KeyedNumbers.parse with a unit": KeyedNumbers([b"MemFree:"], b" kB").parse,
}

#: What collectors are made with where that is more than nothing.
OPTIONS = {
    "TaskCpuCollector": {"details": True},
    "TaskMemoryCollector": {"details": True},
    "TaskMemoryEventsCollector": {"details": True},
    "TaskIoCollector": {"per_device": True, "discards": True},
    "NodeVmstatCollector": {"keys": True},
}


def functions():
    """The parsers that are functions, by their full name."""
    found = {}
    for module in pkgutil.walk_packages(wca.linux.__path__, "wca.linux."):
        loaded = importlib.import_module(module.name)
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            own = function.__module__ == module.name and not name.startswith("_")
            parameters = list(inspect.signature(function).parameters.values()) if own else []
            if parameters and parameters[0].annotation is bytes:
                found[f"{module.name}.{name}"] = function
    return found


def calls():
    """What to call with any bytes, by name."""
    found = dict(METHODS)
    for name, function in functions().items():
        for number, further in enumerate(ARGUMENTS.get(name, [()])):
            found[f"{name}#{number}"] = functools.partial(_call, function, further)
    return found


def _call(function, further, data):
    return function(data, *further)


CALLS = calls()


@functools.cache
def corpus():
    """Contents of kernel files."""
    return tuple(sorted({*files_of(["v1_apart", "v2"])}))


def files_of(layouts):
    for layout in layouts:
        with tempfile.TemporaryDirectory() as folder:
            tree = KernelTree(folder, layout, numa_nodes=2)
            tree.add_task("/job", io={"8:0": (4096, 8192)}, memory_limit=1 << 30)
            for place, _, names in os.walk(folder):
                for name in names:
                    with open(os.path.join(place, name), "rb") as file:
                        yield file.read()


@functools.cache
def accepted(name):
    """The contents that a parser takes; all of them where it takes none."""
    found = []
    for data in corpus():
        with contextlib.suppress(Malformed):
            CALLS[name](data)
            found.append(data)
    return tuple(found) or corpus()


@st.composite
def spoilt(draw, contents):
    """A true content with some places cut out, doubled or written over."""
    data = draw(st.sampled_from(contents))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        piece = draw(st.binary(max_size=4) | st.sampled_from([b"", b"\n", b" ", b"9" * 30, b"-1"]))
        data = data[:start] + draw(st.sampled_from([piece, data[start:end] * 2])) + data[end:]
    return data


def anything(contents):
    return st.binary(max_size=80) | spoilt(contents)


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_parser_that_needs_more_than_the_content_says_what_to_try_it_with(name):
    needed = [
        parameter.name
        for parameter in list(inspect.signature(functions()[name]).parameters.values())[1:]
        if parameter.default is parameter.empty
    ]
    assert not needed or name in ARGUMENTS, f"add arguments for {needed} to ARGUMENTS"


def test_what_is_named_here_exists():
    assert ARGUMENTS.keys() <= functions().keys()


@pytest.mark.parametrize("name", sorted(CALLS))
@given(drawn=st.data())
def test_a_parser_gives_a_value_or_says_malformed(name, drawn):
    for data in (b"", b"\n", drawn.draw(anything(accepted(name)))):
        with contextlib.suppress(Malformed):
            CALLS[name](data)


def collectors():
    """The built-in collectors that may read files alone and need no arguments, by name."""
    found = {}
    for entry in BUILT_IN:
        module, _, name = entry.place.partition(":")
        if module.startswith("wca.collectors."):
            kind = getattr(importlib.import_module(module), name)
            assert issubclass(kind, Collector)
            with contextlib.suppress(TypeError):  # it needs an argument: tested with the collector
                found[name] = kind(**OPTIONS.get(name, {}))
    return {name: one for name, one in found.items() if not one.blocking}


def decoders(collector, folder):
    for layout in ("v2", "hybrid"):
        tree = KernelTree(folder / layout, layout, numa_nodes=2)
        tree.add_task("/job")
        cgroup = CgroupHierarchies(tree.kernel).locate("/job")
        job = Task("job", "job", "/job")
        task = SimpleNamespace(task=job, cgroup=cgroup, node=tree.kernel)
        probe = collector.attach(tree.kernel if collector.scope == "node" else task)
        if isinstance(probe, FileProbe):
            yield from (decode for _, decode in probe.sources)
        probe.close()


COLLECTORS = collectors()


@pytest.mark.parametrize("name", sorted(COLLECTORS))
def test_a_decoder_gives_numbers_by_metric_or_says_malformed(name, tmp_path):
    collector = COLLECTORS[name]
    try:
        found = list(decoders(collector, tmp_path))
    except NotAvailable as missing:
        pytest.skip(missing.reason)

    @given(anything(corpus()))
    def check(data):
        for decode in found:
            try:
                values = decode(data)
            except Malformed:
                continue
            assert values.keys() <= set(collector.emits)

    check()
