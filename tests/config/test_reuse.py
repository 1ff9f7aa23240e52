"""Which components of a configuration stay the same objects when the file is loaded again."""

import collections

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from wca.config.loader import load_again, load_text
from wca.config.registry import Registry


class Plain:
    """Has nothing to start or close."""

    def __init__(self, parts: list | None = None, value: str | int | None = None):
        self.parts, self.value = parts or [], value


class Alive(Plain):
    """Is started and closed by whoever holds it."""

    def start(self):
        raise AssertionError("loading starts nothing")

    def close(self, timeout):
        raise AssertionError("loading closes nothing")


class Handing(Alive):
    """Can leave what it holds to another one."""

    hands_over = True

    def leave(self, to_others):
        raise AssertionError("loading changes nothing")


class Runner(Plain):
    hands_over = True

    def run(self):
        return 0


def registry():
    made = Registry(decorated={})
    for cls in (Plain, Alive, Handing, Runner):
        made.add(cls)
    return made


REGISTRY = registry()


def load(text, before=None, environ=None):
    return load_text(text, REGISTRY, before=before, environ=environ or {})


def test_what_says_the_same_is_the_same_object_and_what_does_not_is_not():
    first = load("runner: !Runner\n  parts:\n  - !Alive {value: 1}\n  - !Alive {value: 2}\n")
    text = "# moved\nrunner: !Runner\n  parts: [!Alive {value: 3}, !Alive {value: 1}]\n"
    second = load(text, first)
    assert second.runner is not first.runner
    assert second.runner.parts[1] is first.runner.parts[0]
    assert second.runner.parts[0] not in first.runner.parts


def test_a_file_that_says_the_same_gives_the_same_runner():
    text = "runner: !Runner {parts: [!Alive {value: a}, !Handing {parts: [!Alive {}]}], value: 1}"
    first = load(text)
    again = "runner: !Runner\n  value: 1\n  parts:\n  - !Alive {value: 'a'}\n  - !Handing\n"
    for nothing in ("!Alive {}", "!Alive"):
        assert load(again + f"    parts:\n    - {nothing}\n", first).runner is first.runner


@pytest.mark.parametrize(("one", "other"), [("1", "'1'"), ("1", "1.0"), ("true", "'true'")])
def test_values_of_different_types_are_different(one, other):
    first = load(f"runner: !Runner {{parts: [!Alive {{parts: [{one}]}}]}}")
    second = load(f"runner: !Runner {{parts: [!Alive {{parts: [{other}]}}]}}", first)
    assert second.runner.parts[0] is not first.runner.parts[0]


def test_a_variable_of_the_environment_counts_by_its_value():
    text = "runner: !Runner {parts: [!Alive {value: !Env NAME}]}"
    first = load(text, environ={"NAME": "a"})
    assert load(text, first, environ={"NAME": "a"}).runner is first.runner
    assert load(text, first, environ={"NAME": "b"}).runner.parts[0] is not first.runner.parts[0]


def test_an_included_file_counts_by_what_is_in_it(tmp_path):
    part, main = tmp_path / "part.yaml", tmp_path / "main.yaml"
    main.write_text("runner: !Runner {parts: [!File part.yaml]}")

    def load_file(before=None):
        return load_text(main.read_text(), REGISTRY, name=str(main), before=before)

    part.write_text("!Alive {value: 1}")
    first = load_file()
    part.write_text("# the same\n!Alive {value: 1}")
    second = load_file(first)
    assert second.runner is first.runner
    part.write_text("!Alive {value: 2}")
    assert load_file(second).runner.parts[0] is not first.runner.parts[0]


def test_what_a_changed_part_starts_and_closes_is_made_anew_with_it():
    text = "runner: !Runner {{parts: [!{0} {{value: {1}, parts: [!Alive {{}}, !Plain {{}}]}}]}}"
    for tag, alive_stays in (("Alive", False), ("Handing", True)):
        before = load(text.format(tag, 1))
        after = load(text.format(tag, 2), before)
        old, new = before.runner.parts[0], after.runner.parts[0]
        assert new is not old
        assert (new.parts[0] is old.parts[0]) is alive_stays
        assert new.parts[1] is old.parts[1]  # it has nothing to start or close


def test_one_object_for_two_fields_stays_one_and_two_stay_two():
    shared = "runner: !Runner {parts: [&a !Alive {}, *a]}"
    apart = "runner: !Runner {parts: [!Alive {}, !Alive {}]}"
    first = load(shared)
    second = load(apart, first)
    assert first.runner.parts[0] is first.runner.parts[1]
    assert second.runner.parts[0] is not second.runner.parts[1]
    assert second.runner.parts[0] is first.runner.parts[0]
    third = load(shared, second)
    assert third.runner.parts[0] is third.runner.parts[1]


def test_what_was_closed_is_made_anew_and_all_that_holds_it():
    first = load("runner: !Runner {parts: [!Handing {parts: [!Alive {}]}, !Alive {value: 1}]}")
    closed = first.runner.parts[0].parts[0]
    again = load_again(first, lambda one: one is not closed, REGISTRY)
    assert again.runner is not first.runner
    assert again.runner.parts[0] is not first.runner.parts[0]
    assert again.runner.parts[1] is first.runner.parts[1]
    assert load_again(first, lambda _one: True, REGISTRY).runner is first.runner


_leaves = st.tuples(st.sampled_from(["Plain", "Alive"]), st.integers(0, 2), st.just(()))
_trees = st.recursive(
    _leaves,
    lambda below: st.tuples(
        st.sampled_from(["Plain", "Alive", "Handing"]),
        st.integers(0, 2),
        st.lists(below, max_size=3).map(tuple),
    ),
    max_leaves=8,
)
_documents = st.tuples(
    st.lists(_trees, max_size=4), st.lists(st.integers(0, 3), max_size=2), st.integers(0, 1)
)


def written(document):
    """YAML of parts, of which some stand in two places."""
    parts, shared, value = document
    lines = [f"&p{number} {_text(part)}" for number, part in enumerate(parts)]
    lines += [f"*p{number}" for number in shared if number < len(parts)]
    return f"runner: !Runner {{value: {value}, parts: [{', '.join(lines)}]}}"


def _text(part):
    tag, value, below = part
    return f"!{tag} {{value: {value}, parts: [{', '.join(map(_text, below))}]}}"


def parts_of(loaded):
    """Every object once, with those that hold it."""
    holders = collections.defaultdict(set)
    found, waiting = {}, [loaded.runner]
    while waiting:
        one = waiting.pop()
        if id(one) not in found:
            found[id(one)] = one
            for part in one.parts:
                holders[id(part)].add(id(one))
                waiting.append(part)
    return found, holders


def shape(one):
    return type(one).__name__, one.value, tuple(map(shape, one.parts))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_documents, _documents)
def test_of_any_two_files_the_same_parts_and_only_these_are_the_same_objects(one, other):
    before = load(written(one))
    after = load(written(other), before)
    fresh = load(written(other))
    assert shape(after.runner) == shape(fresh.runner)
    old, old_holders = parts_of(before)
    new, new_holders = parts_of(after)
    assert len(new) == len(parts_of(fresh)[0])  # what is shared is shared, what is not is not
    kept = old.keys() & new.keys()
    for key in kept:
        assert {id(part) for part in new[key].parts} <= kept  # it holds what it held
        if isinstance(new[key], Alive):
            for held, holders in ((old, old_holders), (new, new_holders)):
                # Whoever closes it is there still, or leaves it to whoever comes after.
                assert all(
                    holder in kept or hasattr(held[holder], "hands_over") for holder in holders[key]
                )
    if not one[1] and not other[1]:
        _all_that_could_stay_has(old, new, kept)


def _all_that_could_stay_has(old, new, kept):
    """Nothing is made anew that has a counterpart which is held by the runner."""
    counts = [
        collections.Counter(shape(part) for part in top.parts)
        for top in (_runner(old), _runner(new))
    ]
    stayed = collections.Counter(
        shape(new[key]) for key in kept if not isinstance(new[key], Runner)
    )
    for part, number in (counts[0] & counts[1]).items():
        assert stayed[part] >= number


def _runner(found):
    (runner,) = [one for one in found.values() if isinstance(one, Runner)]
    return runner


@settings(max_examples=50, deadline=None)
@given(_documents)
def test_a_file_that_has_not_changed_changes_nothing(document):
    before = load(written(document))
    assert load(written(document), before).runner is before.runner
