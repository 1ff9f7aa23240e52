"""Whatever Docker answers, it is a container, or one error that says that it is none."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.errors import NotAvailable, TargetGone
from wca.nodes.container_client.api import Listed
from wca.nodes.container_client.docker_answers import read_details, read_entry

ONE = Listed("1" * 64, "one", "box:1", {})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def objects(*names):
    """Objects that have some of these fields, of any kind."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, json_values))


@given(json_values | objects("Id", "Names", "Image", "ImageID", "Labels"))
def test_any_entry(entry):
    with contextlib.suppress(NotAvailable):
        found = read_entry(entry)
        texts = (found.container_id, found.name, found.image, *found.labels, *found.labels.values())
        assert all(isinstance(text, str) for text in texts)
        assert found.container_id
        assert found.name


@given(
    json_values
    | st.fixed_dictionaries(
        {
            "State": json_values
            | st.fixed_dictionaries({"Running": st.just(True), "Pid": json_values})
        },
        optional={
            "HostConfig": objects("NanoCpus", "CpuQuota", "CpuPeriod", "Memory", "CgroupParent"),
            "Config": objects("Image"),
        },
    )
)
def test_any_details(answer):
    with contextlib.suppress(NotAvailable, TargetGone):
        found = read_details(ONE, answer)
        assert found.pid is None or found.pid > 0
        assert isinstance(found.image, str)
        assert all(isinstance(path, str) for path in found.cgroup_paths)
        assert all(amount > 0 for amount in found.resources.values())


def test_one_that_does_not_run_is_gone():
    with pytest.raises(TargetGone, match="does not run"):
        read_details(ONE, {"State": {"Running": False}})
