"""Quotas of tasks with containers: more reaches them, and less leaves them able to start."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.allocations.acting import Acting
from wca.allocations.encoding import Machine
from wca.allocations.files import KernelFiles
from wca.allocations.knobs import knob_of
from wca.allocations.quotas import parts_of_quota, quota_of_all
from wca.allocators import AllocationType
from wca.detectors import TaskData
from wca.linux.cgroups import CgroupHierarchies
from wca.testing.kernel import KernelTree

T = AllocationType
CPUS = 4
MACHINE = Machine(CPUS)
PERIOD = 100_000


@pytest.fixture
def pod(tmp_path):
    """A pod on cgroup v2 whose limit is that of its two containers together."""
    tree = KernelTree(tmp_path / "root", layout="v2")
    names = {"pod": "/pod", "a": "/pod/a", "b": "/pod/b"}
    for path in names.values():
        tree.add_task(path)
    files = KernelFiles(tree.root)
    made = Acting(CgroupHierarchies(tree.kernel).locate, cpus=CPUS, files=files)
    paths = {name: f"{tree.groups(path)['v2']}/cpu.max" for name, path in names.items()}
    made.tasks = {"t": TaskData("t", "t", "/pod", subcgroups_paths=["/pod/a", "/pod/b"])}

    class Pod:
        def has(self, **quotas):
            for name, quota in quotas.items():
                tree.write(paths[name], f"{quota} {PERIOD}\n")

        def has_no_quota(self, name):
            Path(tree.root + paths[name]).unlink()

        def quotas(self):
            there = {name: tree.root + path for name, path in paths.items()}
            return {
                name: Path(path).read_text().split()[0]
                for name, path in there.items()
                if os.path.exists(path)
            }

        def ask(self, cpus):
            return made.ask({"t": {T.QUOTA: cpus / CPUS}})["t", T.QUOTA]

        def shown(self):
            return made.groups.read(made.tasks["t"])[T.QUOTA] * CPUS

        undo = staticmethod(made.undo)

    one = Pod()
    one.has(pod=90_000, a=60_000, b=30_000)
    return one


def test_a_raised_quota_of_a_pod_reaches_its_containers(pod):
    assert pod.shown() == pytest.approx(0.9)
    assert pod.ask(1.2) == "applied"
    assert pod.quotas() == {"pod": "120000", "a": "80000", "b": "40000"}
    assert pod.shown() == pytest.approx(1.2)
    assert pod.ask(1.2) == "unchanged"
    assert set(pod.undo()) == {"restored"}
    assert pod.quotas() == {"pod": "90000", "a": "60000", "b": "30000"}


def test_on_v2_a_lowered_quota_is_that_of_the_pod_and_containers_keep_theirs(pod):
    assert pod.ask(0.3) == "applied"
    assert pod.quotas() == {"pod": "30000", "a": "60000", "b": "30000"}
    assert pod.ask(0.9) == "applied"
    assert pod.quotas() == {"pod": "90000", "a": "60000", "b": "30000"}


def test_a_pod_that_was_raised_and_is_lowered_gives_its_containers_back_what_they_had(pod):
    pod.ask(1.2)
    assert pod.ask(0.3) == "applied"
    assert pod.quotas() == {"pod": "30000", "a": "60000", "b": "30000"}


def test_containers_that_are_free_stay_so(pod):
    pod.has(pod=90_000, a="max", b="max")
    assert pod.ask(1.2) == "applied"
    assert pod.quotas() == {"pod": "120000", "a": "max", "b": "max"}


def test_a_pod_without_a_limit_is_raised_where_its_containers_hold_it(pod):
    pod.has(pod="max", a=60_000, b=30_000)
    assert pod.shown() == pytest.approx(0.9)
    assert pod.ask(1.8) == "applied"
    assert pod.quotas() == {"pod": "max", "a": "120000", "b": "60000"}


def test_containers_without_a_controller_of_their_own_have_what_the_pod_has(pod):
    for name in ("a", "b"):
        pod.has_no_quota(name)
    assert pod.shown() == pytest.approx(0.9)
    assert pod.ask(1.2) == "applied"
    assert pod.quotas() == {"pod": "120000"}
    assert pod.ask(0.3) == "applied"
    assert pod.quotas() == {"pod": "30000"}


QUOTAS = st.floats(0.05, 1.0)


@given(
    share=QUOTAS,
    own=QUOTAS,
    containers=st.lists(QUOTAS, min_size=1, max_size=4),
    version=st.sampled_from([1, 2]),
)
def test_a_task_gets_what_it_is_granted_and_no_container_is_taken_more_than_that_needs(
    share, own, containers, version
):
    knob = knob_of(T.QUOTA, version)
    first = {str(place): knob.encode(one, MACHINE) for place, one in enumerate(containers)}
    own_before = knob.encode(own, MACHINE)
    before = quota_of_all(own_before, first, knob, MACHINE)
    whole, parts = parts_of_quota(share, own_before, first, knob, MACHINE, holds_below=version == 2)
    least = 0.01 / CPUS  # the kernel takes no less than a millisecond of a period
    granted = quota_of_all(whole, parts, knob, MACHINE)
    assert granted == pytest.approx(share, abs=1e-3 + least * len(containers))
    for name, texts in parts.items():
        now, then = knob.decode(texts, MACHINE), knob.decode(first[name], MACHINE)
        if share > before or version == 2:
            assert now >= then - 1e-9
        else:
            assert now <= then + 1e-9
    if version == 1:
        assert knob.decode(whole, MACHINE) >= knob.decode(own_before, MACHINE)
