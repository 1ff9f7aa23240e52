"""What runtimes tell in JSON of their own."""

import json

from hypothesis import given
from hypothesis import strategies as st

from wca.nodes.container_client import cri_pb2
from wca.nodes.container_client.cri_info import read_info

NOTHING = cri_pb2.LinuxContainerResources()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
keys = st.sampled_from(["info", "pid", "runtimeSpec", "linux", "cgroupsPath", "resources", "cpu"])
shaped = st.recursive(
    json_values, lambda inner: st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(keys | st.text(), st.text() | shaped.map(json.dumps)))
def test_whatever_is_told_is_read_without_an_error(texts):
    info = read_info(texts)
    assert info.pid is None or info.pid > 0
    assert all(isinstance(path, str) for path in info.cgroup_paths)
    assert all(amount > 0 for amount in info.resources(NOTHING).values())


def test_the_numbers_of_the_cri_win_over_those_of_the_specification():
    resources = {"cpu": {"shares": 1024, "quota": -1}, "memory": {"limit": 100}}
    told = {"pid": 5, "runtimeSpec": {"linux": {"cgroupsPath": "/a", "resources": resources}}}
    info = read_info({"info": json.dumps(told)})
    assert (info.pid, info.cgroup_paths) == (5, ("/a",))
    assert info.resources(NOTHING)["cpus"] == 1
    newer = cri_pb2.LinuxContainerResources(cpu_shares=2048, memory_limit_in_bytes=7)
    assert info.resources(newer) == {"requests_cpu": 2, "cpus": 2, "limits_memory": 7, "mem": 7}
