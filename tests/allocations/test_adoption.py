"""What was taken over stays as long as the allocator asks for it, and is given back if it does not."""

from wca.allocations.adoption import ANSWERS, Adopted
from wca.allocations.api import Entry


def entry(task_id, type_, path):
    return Entry(path, "1", "2", ("2",), (), ("/cg", 1), 9.0, task_id, type_)


ENTRIES = [
    entry("a", "cpu_quota", "/p"),
    entry("a", "cpu_quota", "/q"),
    entry("b", "pids_max", "/r"),
]


def test_what_is_never_asked_for_is_given_back_with_the_last_answer():
    adopted = Adopted(ENTRIES)
    given_back = [adopted.answered([("a", "cpu_quota")] if n == 3 else []) for n in range(ANSWERS)]
    assert given_back == [[]] * (ANSWERS - 1) + [["/r"]]
    assert adopted.answered([]) == []


def test_the_files_of_one_allocation_go_together():
    adopted = Adopted(ENTRIES, answers=1)
    assert adopted.answered([("b", "pids_max"), ("a", "cpu_shares")]) == ["/p", "/q"]
