"""Verified blame: whom the coded modulation accuses, and whom it never does."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.allocators.node import IN_FORCE, Node, T, idle, spinner, streamer, victim
from wca.allocators import ContentionAllocator, Tiers
from wca.allocators.contending.walsh import MOST, SLOTS, accused, code, demodulated
from wca.detectors import InterferenceDetector

SUSPECTS = ["a", "b", "c", "d", "e", "f", "g"]


def signal(effects, noise, chance, drift=0.0, level=1.0):
    """What the victim suffers in each slot.

    Args:
        effects: by place of the suspect, while it is not held back.
        noise: standard deviation.
        chance: gives it.
        drift: of the level, per slot.
    """
    return [
        level
        + drift * slot
        + sum(effect for place, effect in effects.items() if not code(place)[slot])
        + chance.gauss(0, noise)
        for slot in range(SLOTS)
    ]


def found_in(signals, count):
    suspects = SUSPECTS[:count]
    return accused(demodulated(signals, suspects), count * len(signals))


def test_codes_are_orthogonal_and_everybody_is_held_back_half_of_the_time():
    codes = [code(place) for place in range(MOST)]
    for place, one in enumerate(codes):
        assert sum(one) == SLOTS // 2
        for other in codes[place + 1 :]:
            assert sum(a == b for a, b in zip(one, other, strict=True)) == SLOTS // 2


@pytest.mark.parametrize("count", [1, 2, 4, MOST])
def test_the_guilty_one_is_found_among_decoys(count):
    chance = random.Random(count)
    right = wrong = 0
    for trial in range(200):
        guilty = trial % count
        one = found_in({"cost": signal({guilty: 0.25}, 0.1, chance)}, count)
        right += one is not None and one.task_id == SUSPECTS[guilty]
        wrong += one is not None and one.task_id != SUSPECTS[guilty]
    assert right >= 180
    assert wrong == 0


@pytest.mark.parametrize("count", [1, 2, MOST])
@pytest.mark.parametrize("signals", [1, 3])
def test_nobody_is_accused_of_noise_more_often_than_promised(count, signals):
    chance = random.Random(count * 10 + signals)
    trials = 1000
    false = sum(
        found_in({str(i): signal({}, 0.2, chance) for i in range(signals)}, count) is not None
        for _ in range(trials)
    )
    # Five of a hundred are promised; three standard errors above that is a defect.
    assert false <= 0.05 * trials + 3 * (0.05 * 0.95 * trials) ** 0.5


def test_what_changes_slowly_by_itself_is_nobody_s_doing():
    chance = random.Random(7)
    false = sum(
        found_in({"cost": signal({}, 0.02, chance, drift=0.05)}, 4) is not None for _ in range(300)
    )
    assert false <= 15
    found = found_in({"cost": signal({1: 0.5}, 0.05, chance, drift=0.02)}, 3)
    assert found is not None
    assert found.task_id == "b"


def test_nobody_is_accused_when_two_are_alike():
    assert found_in({"cost": signal({0: 0.5, 1: 0.5}, 0.1, random.Random(3))}, 3) is None


def test_the_effect_is_what_the_victim_suffers_more():
    found = found_in({"cost": signal({1: 0.4}, 0.001, random.Random(1))}, 3)
    assert found.effect == pytest.approx(0.4, rel=0.05)
    assert found.signal == "cost"


def test_the_signal_that_tells_most_counts():
    chance = random.Random(5)
    signals = {"waits": signal({}, 0.3, chance), "cost": signal({2: 0.4}, 0.05, chance)}
    assert found_in(signals, 3).signal == "cost"


def test_one_that_helps_the_victim_is_never_accused():
    assert found_in({"cost": signal({0: -0.8}, 0.05, random.Random(2))}, 2) is None


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=SLOTS, max_size=SLOTS),
    st.integers(1, MOST),
)
def test_whatever_is_read_there_is_a_score_for_each(readings, count):
    scores = demodulated({"any": readings}, SUSPECTS[:count])
    assert sorted(one.task_id for one in scores) == SUSPECTS[:count]
    assert [one.t for one in scores] == sorted((one.t for one in scores), reverse=True)
    constant = demodulated({"any": [readings[0]] * SLOTS}, SUSPECTS[:count])
    assert accused(constant, count) is None


# The test as a whole, on a machine.


def blamed(tasks, outside=0.03, begin=("guilty", "decoy"), kind=spinner, **options):
    allocator = ContentionAllocator(
        InterferenceDetector(), Tiers(best_effort={"tier": "batch"}), verify=True, **options
    )
    node = Node(allocator, tasks)
    node.run(100, outside)
    for one in begin:
        node.tasks[one] = kind(0.9)
    node.run(45, outside)
    return node


def outcomes(node):
    return {
        one.labels["outcome"]
        for one in node.metrics[-1]
        if one.name == "allocation_contention_actions"
    }


def test_of_two_that_began_together_the_one_that_disturbs_is_held_back():
    """Both stream and use the same CPU, but only what one of them does reaches the victim."""
    node = blamed(
        {"web": victim(), "guilty": idle(), "decoy": spinner(0.9)}, begin=("guilty",), kind=streamer
    )
    assert "the test accused one" in outcomes(node)
    assert node.tasks["guilty"].allocations[T.QUOTA] < 0.5
    assert node.tasks["decoy"].allocations == IN_FORCE


def test_each_suspect_is_held_back_in_half_of_the_slots_and_only_for_the_test():
    node = blamed(
        {"web": victim(), "guilty": idle(), "decoy": spinner(0.9)}, begin=("guilty",), kind=streamer
    )
    tested = [one for one in node.asked if one.get("decoy", {}).get(T.QUOTA, 1.0) < 1.0]
    assert len(tested) == SLOTS // 2


def test_it_abstains_when_somebody_else_is_busy_and_the_detector_counts():
    node = blamed(
        {"web": victim(), "guilty": idle(), "decoy": spinner(0.3)},
        outside=0.4,
        begin=("guilty",),
        kind=streamer,
    )
    assert "the test abstained" in outcomes(node)
    assert node.tasks["guilty"].allocations[T.QUOTA] < 0.5
    assert node.tasks["decoy"].allocations == IN_FORCE


def test_without_the_option_nobody_is_tested():
    allocator = ContentionAllocator(InterferenceDetector(), Tiers(best_effort={"tier": "batch"}))
    node = Node(allocator, {"web": victim(), "guilty": idle(), "decoy": spinner(0.3)})
    node.run(100)
    node.tasks["guilty"] = streamer()
    node.run(20)
    assert {task for one in node.asked for task in one} == {"guilty"}


def test_it_gives_up_where_nobody_acts():
    allocator = ContentionAllocator(
        InterferenceDetector(), Tiers(best_effort={"tier": "batch"}), verify=True
    )
    node = Node(allocator, {"web": victim(), "guilty": idle(), "decoy": spinner(0.3)}, act=False)
    node.run(100)
    node.tasks["guilty"] = streamer()
    node.run(30)
    assert "the test was given up" in outcomes(node)
    assert node.asked[-1] == {"guilty": {T.QUOTA: node.asked[-1]["guilty"][T.QUOTA]}}
