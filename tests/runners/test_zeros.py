"""What may be counted is there, as 0, before anything was."""

from wca.runners.zeros import with_zeros


def test_losses_and_messages_are_counted_from_0():
    values = with_zeros({"wca_collected_samples": {"metrics_storage": 5}})
    assert values["wca_dropped_samples"] == {"metrics_storage": {"failed": 0, "rejected": 0}}
    assert values["wca_warning_count"] == values["wca_error_count"] == {"wca": 0}


def test_a_storage_in_which_messages_wait_has_more_ways_to_lose_some():
    values = with_zeros({"wca_collected_samples": {"a": 5, "b": 0}, "wca_waiting_bytes": {"b": 0}})
    assert values["wca_dropped_samples"]["a"].keys() == {"failed", "rejected"}
    assert values["wca_dropped_samples"]["b"].keys() == {
        *("failed", "rejected", "expired", "queue_full", "refused"),
    }


def test_what_has_been_counted_stays():
    values = {
        "wca_up": 1.0,
        "wca_collected_samples": {"a": 5},
        "wca_dropped_samples": {"a": {"rejected": 2, "merged": 1}},
        "wca_error_count": {"wca.storage.log": 3},
    }
    assert with_zeros(values) == {
        "wca_up": 1.0,
        "wca_collected_samples": {"a": 5},
        "wca_dropped_samples": {"a": {"failed": 0, "rejected": 2, "merged": 1}},
        "wca_warning_count": {"wca": 0},
        "wca_error_count": {"wca": 0, "wca.storage.log": 3},
    }


def test_without_storages_nothing_is_lost():
    assert with_zeros({})["wca_dropped_samples"] == {}
