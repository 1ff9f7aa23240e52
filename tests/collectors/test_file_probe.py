"""The probe behind most collectors: what is decoded when, and what a fault costs."""

import pytest

from wca.collectors import NotAvailable, TargetGone
from wca.collectors.decoders import limit, number
from wca.collectors.file_probe import FileProbe, join_file_probes


class File:
    """A file whose content the test sets; an exception is raised."""

    def __init__(self, content):
        self.content = content
        self.closed = False

    def read(self):
        if isinstance(self.content, Exception):
            raise self.content
        return self.content

    def close(self):
        self.closed = True


def read(probe):
    out = {}
    probe.read(out)
    return out


def test_a_content_is_decoded_when_it_changes_and_only_then():
    decoded = []

    def decode(data):
        decoded.append(data)
        return {"a": int(data)}

    file = File(b"1")
    probe = FileProbe([(file, decode)])
    assert [read(probe), read(probe)] == [{"a": 1}] * 2
    file.content = b"2"
    assert read(probe) == {"a": 2}
    assert decoded == [b"1", b"2"]


def test_a_limit_that_comes_and_goes_is_there_when_it_is_set():
    file = File(b"5\n")
    probe = FileProbe([(file, limit("a")), (File(b"1\n"), number("b"))])
    for content, expected in ((b"5\n", {"a": 5}), (b"max\n", {}), (b"6\n", {"a": 6})):
        file.content = content
        assert read(probe) == expected | {"b": 1}


def test_a_file_that_gives_another_number_instead_leaves_no_old_one():
    file = File(b"a 1")
    probe = FileProbe([(file, lambda data: {data[:1].decode(): int(data[2:])})])
    read(probe)
    file.content = b"b 2"
    assert read(probe) == {"b": 2}


def test_a_file_that_is_refused_for_a_while_is_absent_for_that_while():
    file = File(b"1\n")
    probe = FileProbe([(file, number("a")), (File(b"2\n"), number("b"))])
    assert read(probe) == {"a": 1, "b": 2}
    file.content = NotAvailable("refused")
    assert [read(probe), read(probe)] == [{"b": 2}] * 2
    file.content = b"1\n"
    assert read(probe) == {"a": 1, "b": 2}


def test_a_broken_decoder_costs_its_own_numbers_and_says_so_every_time_until_it_works():
    def decode(data):
        if data == b"bad":
            raise KeyError("broken")
        return {"a": int(data)}

    file = File(b"1")
    probe = FileProbe([(file, decode), (File(b"2\n"), number("b"))])
    read(probe)
    file.content = b"bad"
    for _ in range(2):
        out = {}
        with pytest.raises(KeyError, match="broken"):
            probe.read(out)
        assert out == {"b": 2}
    file.content = b"3"
    assert read(probe) == {"a": 3, "b": 2}


def test_nothing_of_a_target_that_vanished_is_added():
    probe = FileProbe([(File(b"1\n"), number("a")), (File(TargetGone("gone")), number("b"))])
    out = {}
    with pytest.raises(TargetGone):
        probe.read(out)
    assert out == {}


def test_of_two_files_that_give_one_name_the_last_wins_whichever_changed():
    first, second = File(b"1\n"), File(b"max\n")
    probe = FileProbe([(first, number("a")), (second, limit("a"))])
    assert read(probe) == {"a": 1}
    second.content = b"2\n"
    assert read(probe) == {"a": 2}
    first.content = b"3\n"
    assert [read(probe), read(probe)] == [{"a": 2}] * 2
    second.content = b"max\n"
    assert [read(probe), read(probe)] == [{"a": 3}] * 2


def both(values):
    """The sum, where both are there."""
    return {"sum": values["a"] + values["b"]} if values.keys() >= {"a", "b"} else {}


def test_what_follows_from_two_files_follows_each_of_them_and_vanishes_with_each():
    first, second = File(b"1\n"), File(b"2\n")
    probe = FileProbe([(first, number("a")), (second, limit("b"))], [both])
    assert read(probe) == {"a": 1, "b": 2, "sum": 3}
    second.content = b"5\n"
    assert read(probe) == {"a": 1, "b": 5, "sum": 6}
    second.content = b"max\n"
    assert read(probe) == {"a": 1}
    second.content = b"7\n"
    assert [read(probe), read(probe)] == [{"a": 1, "b": 7, "sum": 8}] * 2
    first.content = NotAvailable("refused")
    assert read(probe) == {"b": 7}


def test_what_is_derived_stays_so_when_probes_are_joined():
    derived = FileProbe([(File(b"1\n"), number("a")), (File(b"2\n"), number("b"))], [both])
    other = FileProbe([(File(b"3\n"), number("c"))])
    (joined,) = join_file_probes({"A": derived, "C": other}).values()
    assert read(joined) == {"a": 1, "b": 2, "c": 3, "sum": 3}


class Other:
    """A probe that is more than files."""

    def read(self, out):
        out["c"] = 3

    def close(self):
        pass


def test_probes_of_files_become_one_that_reads_and_closes_what_they_did():
    files = [File(b"1\n"), File(b"2\n")]
    probes = {
        "A": FileProbe([(files[0], number("a"))]),
        "C": Other(),
        "B": FileProbe([(files[1], number("b"))]),
    }
    joined = join_file_probes(probes)
    assert list(joined) == ["A, B", "C"]
    assert read(joined["A, B"]) == {"a": 1, "b": 2}
    assert joined["C"] is probes["C"]
    joined["A, B"].close()
    assert [file.closed for file in files] == [True, True]


class Looking(Other):
    """A probe that looks for the end of its target, as long as nobody else does."""

    looks = True

    def leave_end_to_others(self, *, leave):
        self.looks = not leave


def test_a_probe_need_not_look_for_the_end_of_its_target_beside_one_that_reads_its_files():
    looking = Looking()
    join_file_probes({"C": looking, "A": FileProbe([(File(b"1\n"), number("a"))])})
    assert not looking.looks
    join_file_probes({"C": looking})
    assert looking.looks


@pytest.mark.parametrize("names", ["", "A", "C", "AC"])
def test_where_there_is_nothing_to_join_the_probes_stay_as_they_are(names):
    known = {"A": FileProbe([(File(b"1\n"), number("a"))]), "C": Other()}
    probes = {name: known[name] for name in names}
    assert join_file_probes(probes) == probes


def test_one_that_is_joined_already_takes_in_another():
    probes = {name: FileProbe([(File(b"1\n"), number(name.lower()))]) for name in "AB"}
    joined = join_file_probes(probes)
    again = join_file_probes({**joined, "D": FileProbe([(File(b"4\n"), number("d"))])})
    assert {name: read(probe) for name, probe in again.items()} == {
        "A, B, D": {"a": 1, "b": 1, "d": 4}
    }
