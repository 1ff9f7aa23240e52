"""What a pod has asked for, by Kubernetes' own rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nodes.kubernetes.pods import container
from wca.errors import ValidationError
from wca.nodes.kubernetes_client.qos import qos_class
from wca.nodes.kubernetes_client.resources import pod_resources

GI = 2**30


def resources(*containers, init=(), status=None, **spec):
    return pod_resources(
        {"containers": list(containers), "initContainers": list(init), **spec}, status or {}
    )


def test_one_container():
    asked = {"cpu": "250m", "memory": "64Mi"}
    assert resources(container(requests=asked, limits=asked)) == {
        "requests_cpu": 0.25,
        "requests_memory": 67108864,
        "limits_cpu": 0.25,
        "limits_memory": 67108864,
        "cpus": 0.25,
        "mem": 67108864,
    }


def test_containers_are_summed_exactly():
    found = resources(
        container("a", requests={"cpu": "250m", "memory": "67108864"}),
        container("b", requests={"cpu": "100m", "memory": "32Mi"}),
    )
    assert (found["cpus"], found["mem"]) == (0.35, 100663296)
    assert not any(name.startswith("limits_") for name in found)


def test_what_is_not_asked_for_is_absent():
    assert resources(container()) == {}
    assert pod_resources({}, {}) == {}


def test_all_other_resources_are_passed_through():
    found = resources(
        container(
            requests={"nvidia.com/gpu": "2", "hugepages-2Mi": "4Mi", "ephemeral-storage": "1k"},
            limits={"nvidia.com/gpu": 2, "example.com/share": 0.5, "memory": "128974848000m"},
        )
    )
    assert found == {
        "requests_nvidia.com/gpu": 2,
        "requests_hugepages-2Mi": 4 * 2**20,
        "requests_ephemeral-storage": 1000,
        "limits_nvidia.com/gpu": 2,
        "limits_example.com/share": 0.5,
        "limits_memory": 128974848,
        "disk": 1000,
    }


class TestInitContainers:
    def test_the_start_counts_where_it_takes_more(self):
        found = resources(
            container("main", requests={"cpu": "1", "memory": "3Gi"}),
            init=[
                container("one", requests={"cpu": "2", "memory": "1Gi"}),
                container("two", requests={"cpu": "1500m", "memory": "2Gi"}),
            ],
        )
        assert (found["cpus"], found["mem"]) == (2, 3 * GI)

    def test_a_sidecar_runs_beside_the_containers_and_beside_what_starts_after_it(self):
        sidecar = container("side", requests={"cpu": "1"}, restartPolicy="Always")
        before = container("before", requests={"cpu": "4"})
        after = container("after", requests={"cpu": "4"})
        main = container("main", requests={"cpu": "2"})
        assert resources(main, init=[sidecar])["cpus"] == 3
        assert resources(main, init=[before, sidecar])["cpus"] == 4
        assert resources(main, init=[sidecar, after])["cpus"] == 5


class TestWholePods:
    def test_what_is_given_for_the_pod_wins(self):
        found = resources(
            container(requests={"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"}),
            resources={"requests": {"cpu": "3", "example.com/x": "9"}, "limits": {"memory": "4Gi"}},
        )
        assert found == {
            "requests_cpu": 3,
            "requests_memory": GI,
            "requests_nvidia.com/gpu": 1,
            "limits_memory": 4 * GI,
            "cpus": 3,
            "mem": GI,
        }

    def test_the_overhead_of_the_sandbox_is_added(self):
        found = resources(
            container(requests={"cpu": "1"}, limits={"memory": "1Gi"}),
            overhead={"cpu": "250m", "memory": "1Gi"},
        )
        assert found["requests_cpu"] == 1.25
        assert found["requests_memory"] == GI
        assert found["limits_memory"] == 2 * GI
        assert "limits_cpu" not in found


class TestResizing:
    """In place: the most of what is wanted, promised and had, until that is the same."""

    WANTED = container(requests={"cpu": "2"}, limits={"cpu": "4"})

    @pytest.mark.parametrize(
        ("promised", "had", "cpus"), [("1", "1", 2), ("3", "1", 3), ("3", "5", 5), (None, "3", 3)]
    )
    def test_the_most_counts(self, promised, had, cpus):
        one = {"name": "main", "resources": {"requests": {"cpu": had}, "limits": {"cpu": "8"}}}
        if promised is not None:
            one["allocatedResources"] = {"cpu": promised}
        found = resources(self.WANTED, status={"containerStatuses": [one]})
        assert (found["cpus"], found["limits_cpu"]) == (cpus, 8)

    def test_what_the_node_has_refused_does_not_count(self):
        one = {
            "name": "main",
            "allocatedResources": {"cpu": "1"},
            "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}},
        }
        refused = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
        status = {"containerStatuses": [one], "conditions": [refused]}
        found = resources(self.WANTED, status=status)
        assert (found["cpus"], found["limits_cpu"]) == (1, 1)

    def test_a_pod_as_a_whole_may_be_resized(self):
        status = {
            "allocatedResources": {"cpu": "3"},
            "resources": {"requests": {"cpu": "4"}, "limits": {"cpu": "6"}},
        }
        given = {"requests": {"cpu": "2"}, "limits": {"cpu": "5"}}
        found = resources(self.WANTED, status=status, resources=given)
        assert (found["cpus"], found["limits_cpu"]) == (4, 6)


@pytest.mark.parametrize("amount", ["lots", None, True, [], {}, "1Zi"])
def test_an_amount_that_cannot_be_read_is_named(amount):
    with pytest.raises(ValidationError):
        resources(container(requests={"cpu": amount}))


class TestClassOfService:
    def test_the_status_says_it(self):
        assert qos_class({}, {"qosClass": "Guaranteed"}) == "guaranteed"

    @pytest.mark.parametrize(
        ("requests", "limits", "expected"),
        [
            ({}, {}, "besteffort"),
            ({"cpu": "1"}, {}, "burstable"),
            ({}, {"cpu": "1"}, "burstable"),
            ({"cpu": "1", "memory": "1Gi"}, {"cpu": "1000m", "memory": "1024Mi"}, "guaranteed"),
            ({"cpu": "1", "memory": "1Gi"}, {"cpu": "2", "memory": "1Gi"}, "burstable"),
            ({"cpu": "1"}, {"cpu": "1"}, "burstable"),
            ({"nvidia.com/gpu": "1"}, {"nvidia.com/gpu": "1"}, "besteffort"),
            ({"cpu": "0"}, {}, "besteffort"),
        ],
    )
    def test_without_it_the_specification_decides(self, requests, limits, expected):
        spec = {"containers": [container(requests=requests, limits=limits)]}
        assert qos_class(spec, {}) == expected
        assert qos_class(spec, {"qosClass": "Unheard"}) == expected

    def test_all_containers_must_agree(self):
        full = {"cpu": "1", "memory": "1Gi"}
        guaranteed, best = container("a", full, full), container("b")
        assert qos_class({"containers": [guaranteed, guaranteed]}, {}) == "guaranteed"
        assert qos_class({"containers": [guaranteed, best]}, {}) == "burstable"
        spec = {"containers": [guaranteed], "initContainers": [best]}
        assert qos_class(spec, {}) == "burstable"
        assert qos_class({}, {}) == "besteffort"

    def test_what_is_given_for_the_pod_wins(self):
        full = {"cpu": "1", "memory": "1Gi"}
        spec = {"containers": [container()], "resources": {"requests": full, "limits": full}}
        assert qos_class(spec, {}) == "guaranteed"


AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "memory", "x/y"]), st.integers(0, 9).map(str))
CONTAINERS = st.lists(st.tuples(AMOUNTS, st.booleans()), max_size=4)


@given(CONTAINERS, CONTAINERS)
def test_the_rule_is_the_most_that_is_needed_at_any_moment(main, init):
    """The pod's life played through: each init container in turn, then all that stays."""
    containers = [container(str(n), asked) for n, (asked, _) in enumerate(main)]
    starting = [
        container(f"i{n}", asked, **({"restartPolicy": "Always"} if stays else {}))
        for n, (asked, stays) in enumerate(init)
    ]
    moments, staying = [], []
    for asked, stays in init:
        moments.append([*staying, asked])
        if stays:
            staying.append(asked)
    moments.append([*staying, *(asked for asked, _ in main)])
    for name in ("cpu", "memory", "x/y"):
        asking = [asked for asked, _ in (*main, *init) if name in asked]
        most = max(sum(int(asked.get(name, 0)) for asked in moment) for moment in moments)
        found = resources(*containers, init=starting).get(f"requests_{name}")
        assert found == (most if asking else None)
