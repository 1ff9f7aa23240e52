"""What may be counted is there, as 0, before anything was."""

from wca.runners.zeros import with_zeros


def test_messages_are_counted_from_0():
    assert with_zeros({}) == {"wca_warning_count": {"wca": 0}, "wca_error_count": {"wca": 0}}


def test_what_has_been_counted_stays():
    values = {"wca_up": 1.0, "wca_error_count": {"wca.storage.log": 3}}
    assert with_zeros(values) == {
        "wca_up": 1.0,
        "wca_warning_count": {"wca": 0},
        "wca_error_count": {"wca": 0, "wca.storage.log": 3},
    }
