"""The whole catalogue, and its twins for containers, in every vocabulary."""

import re
from collections import defaultdict

import pytest

from wca.metrics import CATALOGUE, MetricUnit
from wca.metrics.batch import Batch
from wca.metrics.cadvisor_names import CADVISOR_NAMES
from wca.metrics.export import Exporter
from wca.metrics.prometheus_names import PROMETHEUS_EXCEPTIONS, prometheus_name
from wca.metrics.task_labels import MACHINE_FACTS
from wca.metrics.vocabulary import Names, Vocabulary
from wca.runners.engine import Engine
from wca.runners.export import container_metric
from wca.storage.encoding import Encoder
from wca.testing import check_exposition

OTHERS = (Names.PROMETHEUS, Names.CADVISOR)
FACTS = dict.fromkeys(MACHINE_FACTS, "1")
RESERVED = ("_count", "_sum", "_bucket", "_created", "_info", "_total", "_gsum", "_gcount")
#: What a format may add to the name of a family of each type.
SAMPLES = {"counter": ("_total", "_created"), "gauge": ("",), None: ("",)}


def nested(levels, value=1):
    """A value with two keys at each level."""
    for level in reversed(levels):
        value = {f"{level}{number}": value for number in range(2)}
    return value


def measured(granularity, without=()):
    return {
        name: nested(entry.levels)
        for name, entry in CATALOGUE.items()
        if entry.granularity == granularity and name not in without
    }


def everything(without=()):
    """Every metric of the catalogue; of tasks, those of two and of a container of each."""
    filled = Batch(9.0)
    common = {"host": "h", **FACTS}
    for granularity in ("internal", "platform"):
        Exporter(common).export(measured(granularity), filled)
    for task_id in ("t1", "t2"):
        labels = {"task_id": task_id, "task_name": "n", **common}
        numbers = measured("task", without)
        Exporter(labels).export(numbers, filled)
        part = Exporter({**labels, "container": "c"}, rename=container_metric)
        part.export(numbers, filled)
    return filled


TOTALS = tuple(name.total_of for name in CADVISOR_NAMES.values() if name.total_of)
BATCHES = [everything(), everything(without=TOTALS)]


@pytest.fixture(params=BATCHES, ids=["by device", "sums only"])
def filled(request):
    return request.param


@pytest.fixture(params=OTHERS)
def translated(request, filled):
    return Vocabulary(request.param).translate(filled)


def test_no_two_series_become_one(translated):
    assert Encoder().encode(translated).rejected == []


def test_the_text_is_valid(translated):
    text = b"".join(Encoder().encode(translated).chunks()).decode()
    assert check_exposition(text) == []


def test_every_counter_ends_in_total_and_nothing_else_does(translated):
    for series in translated.series():
        assert series.name.endswith("_total") == (series.type == "counter"), series.name


def test_names_are_without_colons_and_in_snake_case(translated):
    for series in translated.series():
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", series.name)


#: One is cAdvisor's own, the others are what OpenMetrics calls an info, and are shown as such.
MEANT = {"machine_dimm_count", "wca_build_info", "wca_config_info"}


def test_no_gauge_has_a_suffix_that_belongs_to_another_type(translated):
    for series in translated.series():
        if series.type == "gauge" and series.name not in MEANT:
            assert not series.name.endswith(RESERVED), series.name


def test_families_of_openmetrics_do_not_clash(translated):
    families = {one.name: one.type for one in translated.series()}
    owners = defaultdict(set)
    for name, type_ in families.items():
        family = name.removesuffix("_total") if type_ == "counter" else name
        owners[family].add(name)
        for suffix in SAMPLES[type_]:
            owners[f"{family}{suffix}"].add(name)
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}


def test_a_name_has_one_type_and_one_help(translated):
    found = defaultdict(set)
    for series in translated.series():
        found[series.name].add((series.type, series.help))
    # The busy time of the machine is the same family as that of tasks, each with its own words.
    found.pop("container_cpu_usage_seconds_total", None)
    helps = {name: {help_ for _, help_ in kinds} for name, kinds in found.items()}
    shared = {name for name, kinds in helps.items() if len(kinds) > 1}
    assert all(len({type_ for type_, _ in kinds}) == 1 for kinds in found.values())
    assert all(
        name.startswith(("container_pressure_", "container_fs_", "container_network_"))
        for name in shared
    )


def test_in_prometheus_names_the_unit_is_the_suffix(filled):
    for series in Vocabulary(Names.PROMETHEUS).translate(filled).series():
        name = series.name.removesuffix("_total")
        if series.unit != MetricUnit.NUMERIC:
            assert name.endswith(f"_{series.unit}"), series.name
        assert series.unit not in (MetricUnit.TICKS, MetricUnit.TIMESTAMP)


def test_the_facts_of_the_machine_stand_once(translated):
    carriers = {one.name for one in translated.series() if MACHINE_FACTS & one.labels.keys()}
    assert carriers == {"wca_information"}


def test_those_are_the_facts_that_the_agent_gives():
    class Machine:
        platform = type("Platform", (), {"cpu_model": "", "sockets": 1, "cores": 1, "cpus": 1})

    assert Engine.information(Machine()).keys() == MACHINE_FACTS


def test_every_name_in_the_tables_is_in_the_catalogue():
    entries = {(one.name, one.type, one.unit) for one in CATALOGUE.values()}
    assert entries >= PROMETHEUS_EXCEPTIONS.keys()
    assert CATALOGUE.keys() >= CADVISOR_NAMES.keys()
    assert CATALOGUE.keys() >= set(TOTALS)


@pytest.mark.parametrize("name", CADVISOR_NAMES)
def test_the_tables_of_cadvisor_speak_of_levels_that_there_are(name):
    assert set(CADVISOR_NAMES[name].levels) <= set(CATALOGUE[name].levels)


@pytest.mark.parametrize(("key", "exception"), PROMETHEUS_EXCEPTIONS.items())
def test_an_exception_has_the_unit_that_the_rule_would_give(key, exception):
    name, type_, unit = key
    by_rule = prometheus_name(f"x{name}", type_, unit)
    assert (exception.unit, exception.divisor) == (by_rule.unit, by_rule.divisor)


def test_entries_say_what_they_are_called():
    entry = CATALOGUE["task_cpu_usage_seconds"]
    assert entry.prometheus.name == "task_cpu_usage_seconds_total"
    assert entry.cadvisor.name == "container_cpu_usage_seconds_total"
    assert CATALOGUE["task_working_set_size_bytes"].cadvisor is None
