"""How a detector is scored: each rule of docs/recording.md by an example, and the intervals."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.docs.pages import blocks
from wca.errors import ValidationError
from wca.recording.findings import Finding, findings_of
from wca.recording.frame import Frame, FrameAnswer
from wca.recording.labels import Episode, read_episodes, read_labels
from wca.recording.report import findings_text, score_data, score_text
from wca.recording.scoring import Share, score
from wca.testing.detectors import a_platform

CPU = "cpu neighbour"


def an_episode(start=100.0, **fields):
    given = {"victim": "web", "verdict": CPU, "culprits": ["batch"], "decoys": ["decoy"]}
    return Episode(**{"start": start, "end": start + 30.0, "kind": CPU, **given, **fields})


def a_control(start=100.0, **fields):
    return Episode(start, start + 30.0, "nothing", **fields)


def a_finding(begin, task="web", verdict=CPU, accused=(), **fields):
    return Finding(begin, begin + 5.0, task, "cpus", verdict, list(accused), **fields)


def scored(found, *episodes, begin=0.0, end=1000.0):
    return score(found, episodes, begin, end)


def of_kind(found, *episodes, kind=CPU):
    return scored(found, *episodes).kinds[kind]


@pytest.mark.parametrize(
    ("begin", "task", "counts"),
    [
        (100.0, "web", 1),
        (130.0, "web", 1),
        (135.0, "web", 1),
        (135.1, "web", 0),
        (99.9, "web", 0),
        (110.0, "batch", 0),
        (110.0, "", 0),
    ],
)
def test_found_is_what_begins_about_the_victim_up_to_five_seconds_after_the_end(
    begin, task, counts
):
    assert of_kind([a_finding(begin, task)], an_episode()).found == Share(counts, 1)


def test_the_time_to_detect_is_to_the_first_anomaly():
    found = [a_finding(103.0), a_finding(120.0), a_finding(211.0), a_finding(302.0)]
    result = of_kind(found, an_episode(100.0), an_episode(200.0), an_episode(300.0))
    assert result.seconds == [2.0, 3.0, 11.0]
    assert (result.seconds_median, result.seconds_max) == (3.0, 11.0)


def test_what_was_not_found_has_no_time_and_is_neither_right_nor_wrong():
    result = of_kind([], an_episode())
    assert (result.seconds_median, result.seconds_max) == (None, None)
    shares = (result.found, result.verdict_first, result.verdict_most, result.blame_right)
    assert {*shares, result.abstained, result.blame_wrong} == {Share(0, 1)}


@pytest.mark.parametrize(
    ("verdicts", "first", "most"),
    [
        ([(CPU, 1)], 1, 1),
        ([("disk", 1)], 0, 0),
        ([("disk", 1), (CPU, 9)], 0, 1),
        ([(CPU, 1), ("disk", 9)], 1, 0),
        ([(CPU, 5), ("disk", 5)], 1, 0),
        ([(CPU, 2), ("disk", 3), (CPU, 2)], 1, 1),
        ([(None, 1)], 0, 0),
    ],
)
def test_the_first_verdict_and_that_of_most_intervals_are_judged_apart(verdicts, first, most):
    found = [
        a_finding(101.0 + place, verdict=verdict, intervals=intervals)
        for place, (verdict, intervals) in enumerate(verdicts)
    ]
    result = of_kind(found, an_episode())
    assert (result.verdict_first.count, result.verdict_most.count) == (first, most)


@pytest.mark.parametrize(
    ("accused", "right", "abstained", "wrong"),
    [
        ([[]], 0, 1, 0),
        ([["batch"]], 1, 0, 0),
        ([["decoy"]], 0, 0, 1),
        ([["batch", "decoy"]], 0, 0, 1),
        ([["batch"], ["decoy"]], 0, 0, 1),
        ([[], ["batch"], []], 1, 0, 0),
    ],
)
def test_blame_is_right_when_all_that_are_ever_accused_are_culprits(
    accused, right, abstained, wrong
):
    found = [a_finding(101.0 + place, accused=one) for place, one in enumerate(accused)]
    result = of_kind(found, an_episode())
    counts = (result.blame_right.count, result.abstained.count, result.blame_wrong.count)
    assert counts == (right, abstained, wrong)


@pytest.mark.parametrize(
    ("begin", "false"),
    [(99.0, 1), (100.0, 0), (130.0, 0), (140.0, 0), (140.1, 1), (199.0, 1), (215.0, 1)],
)
def test_a_false_alarm_is_in_a_control_or_ten_seconds_after_any_episode(begin, false):
    result = scored([a_finding(begin)], an_episode(100.0), a_control(200.0))
    assert len(result.false_alarms) == false
    assert result.elsewhere == []


def test_what_a_control_has_caused_may_begin_after_it():
    result = scored([a_finding(132.0, accused=["batch"])], a_control(100.0))
    assert result.kinds["nothing"].found == Share(1, 1)
    assert result.kinds["nothing"].blame_wrong == Share(1, 1)
    assert (len(result.false_alarms), result.false_accusations) == (1, 1)


def test_a_control_that_begins_right_after_an_episode_counts_what_begins_in_it():
    result = scored([a_finding(133.0)], an_episode(100.0), a_control(131.0))
    assert len(result.false_alarms) == 1
    assert result.kinds[CPU].found == Share(1, 1)  # it may still be about the episode


def test_an_anomaly_about_another_task_in_an_episode_is_counted_apart():
    result = scored([a_finding(110.0, "decoy")], an_episode())
    assert (len(result.false_alarms), len(result.elsewhere)) == (0, 1)


def test_what_is_not_scored_is_left_out():
    episodes = an_episode(100.0, scored=False), a_control(200.0, scored=False)
    result = scored([a_finding(110.0), a_finding(110.0, "x"), a_finding(210.0)], *episodes)
    assert (result.kinds, result.false_alarms, result.elsewhere) == ({}, [], [])
    assert result.quiet_seconds == 1000.0 - 40.0 - 40.0


def test_the_quiet_time_is_all_but_episodes_and_ten_seconds_after_them():
    episodes = [an_episode(100.0), an_episode(120.0), a_control(300.0), an_episode(990.0)]
    result = scored([a_finding(50.0), a_finding(310.0)], *episodes)
    assert result.quiet_seconds == 1000.0 - 60.0 - 10.0
    assert result.false_alarms_per_day == pytest.approx(2 * 86400 / 930)
    assert scored([], an_episode(0.0, end=1000.0)).false_alarms_per_day is None


def test_controls_of_a_kind_that_is_detected_as_well_stand_apart():
    control = Episode(300.0, 330.0, CPU, victim="web")
    result = scored([a_finding(101.0), a_finding(305.0)], an_episode(), control)
    assert result.kinds[CPU].found == Share(1, 1)
    assert result.kinds[f"{CPU} (control)"].control
    assert result.kinds[f"{CPU} (control)"].found == Share(1, 1)


@pytest.mark.parametrize(
    # From the formula of Wilson (1927), as tables have it to three digits.
    ("count", "of", "low", "high"),
    [(0, 60, 0.0, 0.060), (19, 20, 0.764, 0.991), (20, 20, 0.839, 1.0), (10, 20, 0.299, 0.701)],
)
def test_the_interval_of_a_share_is_wilsons(count, of, low, high):
    share = Share(count, of)
    assert share.low == pytest.approx(low, abs=0.0006)
    assert share.high == pytest.approx(high, abs=0.0006)
    assert share.value == count / of


def test_a_share_of_nothing_says_nothing():
    share = Share(0, 0)
    assert (share.value, share.low, share.high) == (None, 0.0, 1.0)


@given(st.integers(1, 1000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_a_share_lies_in_its_interval(pair):
    share = Share(*pair)
    assert 0.0 <= share.low <= share.value + 1e-12
    assert share.value - 1e-12 <= share.high <= 1.0


@given(
    st.lists(
        st.builds(
            a_finding,
            st.floats(0, 1000),
            st.sampled_from(["web", "batch", ""]),
            st.sampled_from([CPU, "disk", None]),
            st.lists(st.sampled_from(["batch", "decoy"]), max_size=2),
        )
    ).map(lambda found: sorted(found, key=lambda one: one.begin)),
    st.lists(st.one_of(*(st.builds(one, st.floats(0, 970)) for one in (an_episode, a_control)))),
)
def test_whatever_was_found_the_books_balance(found, episodes):
    result = scored(found, *episodes)
    for one in result.kinds.values():
        assert one.found.of == one.episodes
        if not one.control:
            told = one.blame_right.count + one.abstained.count + one.blame_wrong.count
            assert told == one.found.count == len(one.seconds)
            assert one.verdict_first.count <= one.found.count
    assert sum(one.episodes for one in result.kinds.values()) == len(episodes)
    assert len(result.false_alarms) + len(result.elsewhere) <= len(found)
    assert 0.0 <= result.quiet_seconds <= 1000.0
    assert json.loads(json.dumps(score_data(result)))["false_alarms"] == len(result.false_alarms)
    assert score_text(result)


# What is reported, interval by interval, as anomalies with begin and end.


def record(task="web", verdict=CPU, accused=("batch",)):
    return {
        "type": "contention",
        "uuid": "-".join(["u", task, *accused]),
        "contended_task_id": task or None,
        "contending_task_ids": list(accused),
        "resource": "cpus",
        "verdict": verdict,
        "suspects": [{"task_id": "batch", "score": 2.0, "confidence": 0.9}],
        "metrics": [],
    }


def found_in(*answers):
    return findings_of(
        (Frame(a_platform(float(second)), {}), FrameAnswer(records))
        for second, records in enumerate(answers)
    )


def test_an_anomaly_lasts_as_long_as_it_is_reported():
    (one,) = found_in([], [record()], [record(), record()], [record()], [])
    start = a_platform().timestamp
    assert (one.begin - start, one.end - start, one.intervals) == (1.0, 3.0, 3)
    assert (one.task, one.resource, one.verdict, one.accused) == ("web", "cpus", CPU, ["batch"])


def test_another_verdict_another_culprit_and_a_pause_are_another_anomaly():
    found = found_in([record()], [record(verdict="disk")], [record(accused=())], [], [record()])
    assert [one.intervals for one in found] == [1, 1, 1, 1]
    assert [one.accused for one in found] == [["batch"], ["batch"], [], ["batch"]]


def test_an_anomaly_of_a_plugins_own_kind_is_told_apart_by_its_metrics():
    def own(name):
        return {"type": "own", "metrics": [{"name": name, "value": 1, "labels": {}}]}

    found = found_in([own("a"), own("b")], [own("a")])
    assert [(one.resource, one.intervals) for one in found] == [("own", 2), ("own", 1)]


def test_anomalies_as_text():
    text = findings_text(found_in([record()], [record(), record(task="", accused=())]))
    titles, first, second = text.splitlines()
    assert titles.split() == [
        *("begin", "seconds", "task", "resource", "verdict", "accused", "suspects")
    ]
    assert "2023-11-14 22:13:20.0  1.0" in first
    assert first.split()[-3:] == ["batch", "batch", "90%"]
    assert "the machine" in second
    assert "nobody" in second
    assert findings_text([]) == "no anomalies"


def test_a_score_as_text():
    found = [a_finding(102.0, accused=["batch"]), a_finding(310.0)]
    lines = score_text(scored(found, an_episode(), a_control(300.0))).splitlines()
    assert lines[0].startswith("kind")
    assert "1 (21% to 100%)" in lines[1]
    assert lines[1].endswith("2.0, at most 2.0")
    assert "silent: 0 (0% to 79%)" in lines[2]
    assert lines[3].startswith("false alarms: 1 in 960 s, 90.0 for each day of a node; 0 of them")


# Files of labels.


def labels(**episode):
    return {"version": 1, "episodes": [{"start": 1, "end": 2.5, "kind": "x", **episode}]}


def test_labels_are_read():
    given = labels(victim="a", verdict=None, culprits=["b"], decoys=None, scored=False, note="n")
    assert read_episodes(given) == [
        Episode(1, 2.5, "x", "a", None, ["b"], (), "", scored=False, note="n")
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "expected {"),
        ({"version": 2, "episodes": []}, "expected {"),
        ({"version": 1}, "episodes: expected a list"),
        ({"version": 1, "episodes": [5]}, "episodes.0.: expected an object"),
        ({"version": 1, "episodes": [{"start": 1, "end": 2}]}, "episodes.0.: kind is missing"),
        (labels(victims="a"), "has no 'victims', but "),
        (labels(end=0), "it ends before it starts"),
        (labels(start="1"), "start has to be a number, not '1'"),
        (labels(start=True), "start has to be a number"),
        (labels(start=math.nan), "start has to be a number"),
        (labels(culprits="b"), "culprits has to be a list of texts"),
        (labels(scored=1), "scored has to be true or false"),
        (labels(verdict=1), "verdict has to be text"),
    ],
)
def test_labels_that_make_no_sense_are_one_sentence(given, words):
    with pytest.raises(ValidationError, match=words):
        read_episodes(given)


def test_the_labels_of_the_guide_are_labels():
    (text,) = [text for page, _, text in blocks("text") if page == "recording.md"]
    kinds = {one.kind: one.verdict for one in read_episodes(json.loads(text))}
    assert kinds == {CPU: CPU, "load step": None}


def test_a_file_of_labels_is_read_and_named_where_it_is_wrong(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(labels()))
    assert len(read_labels(str(path))) == 1
    for text, words in (("{", "are no JSON"), ("[]", "expected {"), ("[" * 100_000, "are no JSON")):
        path.write_text(text)
        with pytest.raises(ValidationError, match=f"labels.json: .*{words}"):
            read_labels(str(path))
    for other, words in ((tmp_path / "none", "No such file"), (tmp_path, "Is a dir")):
        with pytest.raises(ValidationError, match=words):
            read_labels(str(other))
