"""Which tasks matter and which give way."""

import pytest

from wca.allocators import Tier, Tiers
from wca.errors import ValidationError
from wca.nodes.kubernetes_client.pods import QOS_LABEL
from wca.testing.detectors import a_task

TIERS = Tiers(latency_critical={"app": "shop|pay"}, best_effort={"app": "batch.*", "team": "lab"})


@pytest.mark.parametrize(
    ("labels", "tier"),
    [
        ({"app": "shop"}, Tier.LATENCY_CRITICAL),
        ({"app": "batch-7"}, Tier.BEST_EFFORT),
        ({"app": "other", "team": "lab"}, Tier.BEST_EFFORT),
        ({"app": "shop", "team": "lab"}, Tier.LATENCY_CRITICAL),
        ({"app": "shop-test"}, Tier.UNKNOWN),
        ({}, Tier.UNKNOWN),
        ({QOS_LABEL: "guaranteed"}, Tier.LATENCY_CRITICAL),
        ({QOS_LABEL: "besteffort"}, Tier.BEST_EFFORT),
        ({QOS_LABEL: "burstable"}, Tier.UNKNOWN),
        ({QOS_LABEL: "guaranteed", "team": "lab"}, Tier.BEST_EFFORT),
    ],
)
def test_labels_say_it_and_where_they_do_not_the_class_of_service(labels, tier):
    assert TIERS.of(a_task("one", labels=labels)) is tier


def test_without_fields_only_the_class_of_service_says_anything():
    assert Tiers().of(a_task("one", labels={"app": "shop"})) is Tier.UNKNOWN
    assert Tiers().of(a_task("one", labels={QOS_LABEL: "BestEffort"})) is Tier.BEST_EFFORT


def test_an_expression_that_is_none_is_refused():
    with pytest.raises(ValidationError, match=r"best_effort.app: '\(' is no regular expression"):
        Tiers(best_effort={"app": "("})
