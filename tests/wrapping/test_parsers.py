"""Parsers: what they find in the output of the programs they are for, and in garbage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wca.config.importing import load_class
from wca.errors import ValidationError
from wca.wrapping import Parser, RegexpParser
from wca.wrapping.lines import LONGEST_LINE
from wca.wrapping.parsers import PARSERS
from wca.wrapping.parsers.numbers import to_number


def parse(parser, text):
    """(name, value) of all that a parser finds in a text."""
    parser = load_class(PARSERS[parser])() if isinstance(parser, str) else parser
    found = [metric for line in text.splitlines() for metric in parser.feed(line)]
    return [(metric.name, metric.value) for metric in [*found, *parser.end()]]


def test_names_and_values_are_found_anywhere_in_a_line():
    assert parse(RegexpParser(), "at 12:00 a=4.5 b=2, c = 3 d=-1e3 e=.5 f=x 1g=2") == [
        ("a", 4.5),
        ("b", 2.0),
        ("d", -1000.0),
        ("e", 0.5),
    ]


def test_a_regexp_of_the_users():
    parser = RegexpParser(r"(?P<name>\w+) is (?P<value>[\d,]+)")
    assert parse(parser, "latency is 12,345 us\nrate is 7") == [("latency", 12345), ("rate", 7)]


def test_a_value_that_is_none_is_left_out_and_said_once(caplog):
    parser = RegexpParser(r"(?P<name>\w+)=(?P<value>\S+)")
    assert parse(parser, "a=x b=1 c=inf d=nan e=y") == [("b", 1.0)]
    assert len(caplog.records) == 1
    assert "'a=x', whose value is no number" in caplog.text


def test_a_block_is_searched_as_a_whole():
    parser = RegexpParser(r"(?P<name>\w+)\n(?P<value>\d+)", separator="^--+$")
    assert parse(parser, "a\n1\nb\n--\n2\n---\nc\n3") == [("a", 1), ("c", 3)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"regexp": "("}, "regexp: '(' is no regular expression"),
        ({"regexp": "x"}, "has no group name and no group value"),
        ({"regexp": "(?P<name>x)"}, "has no group value: write (?P<name>...)"),
        ({"separator": "["}, "separator: '[' is no regular expression"),
    ],
)
def test_a_wrong_expression_is_refused_in_words(options, words):
    with pytest.raises(ValidationError) as refused:
        RegexpParser(**options)
    assert words in str(refused.value)


MUTILATE = """\
#type       avg     std     min     5th    10th    90th    95th    99th
read       52.4    41.3    22.7    30.3    31.9    79.5    98.5   199.7
update      0.0     0.0     0.0     0.0     0.0     0.0     0.0     0.0
op_q        1.0     0.0     1.0     1.0     1.0     1.1     1.1     1.1

Total QPS = 18416.6 (552506 / 30.0s)
"""
MUTILATE_SCAN = """\
#type       avg     std     min     5th    10th    90th    95th    99th    QPS   target
read       52.4    41.3    22.7    30.3    31.9    79.5    98.5   199.7  999.6   1000
"""
RPC_PERF = """\
2019-08-27 13:37:51 INFO  [rpc-perf] Rate: 15823.07 rps Success: 100.00 % Hit Rate: 31.12 %
2019-08-27 13:37:51 INFO  [rpc-perf] Percentiles: Response OK (us): min: 47 p50: 389 p90: 775 \
p99: 86436 p999: 89120 p9999: 89657 max: 89658
"""
YCSB = """\
2019-09-10 14:35:32:227 0 sec: 0 operations; est completion in 0 second
2019-09-10 14:35:42:227 10 sec: 3898 operations; 1296.31 current ops/sec; est completion in \
10 seconds [READ: Count=1289, Max=2011, 90=305, 99=508, 99.9=1297, 99.99=2011] \
[UPDATE: Count=12, Max=4000, 99.99=3999]
"""
CASSANDRA = """\
Results:
Op rate                   :   14,997 op/s  [WRITE: 14,997 op/s]
Partition rate            :   14,997 pk/s  [WRITE: 14,997 pk/s]
Latency mean              :    1.9 ms [WRITE: 1.9 ms]
Latency 99th percentile   :   13.4 ms [WRITE: 13.4 ms]
Latency 99.9th percentile :   43.7 ms [WRITE: 43.7 ms]
"""
SPECJBB = """\
<Mon Aug 26 13:36:28 UTC 2019> org.spec.jbb.controller: PRESET: IR = 500 finished
TotalPurchase, 1, 2, 3
Response times:
        Request,  Success,  Partial,   Failed,   Probes,  Samples,     min,     p50,     p90,\
     p95,     p99,     max,
  TotalPurchase,    46864,        0,        0,    46818,     2342,    1900,   13000,   31000,\
   73000, 3800000, 9999999,
StorePurchase, 1, 2, 3

TotalPurchase, 1, 2, 3
Response times:
  TotalPurchase,    46864,        0,        0,    46818,     2342,    581000, 10000000,
"""
STRESS_NG = """\
stress-ng: info:  [18] dispatching hogs: 2 cpu
stress-ng: info:  [19] Time 1567421535, counter 4192, diff 41
stress-ng: info:  [18] stressor       bogo ops real time  usr time  sys time   bogo ops/s   bogo ops/s
stress-ng: info:  [18]                           (secs)    (secs)    (secs)   (real time) (usr+sys time)
stress-ng: info:  [18] cpu                4192     10.02     19.94      0.00       418.35       210.23
stress-ng: metrc: [18] vm                    7     10.00      1.00      2.00         0.70         2.33        30.00          7600
"""


@pytest.mark.parametrize(
    ("parser", "text", "expected"),
    [
        (
            "mutilate",
            MUTILATE,
            {
                "read_avg": 52.4,
                "read_p90": 79.5,
                "read_p95": 98.5,
                "read_p99": 199.7,
                "qps": 18416.6,
            },
        ),
        (
            "mutilate",
            MUTILATE_SCAN,
            {
                "scan_read_avg": 52.4,
                "scan_read_p90": 79.5,
                "scan_read_p95": 98.5,
                "scan_read_p99": 199.7,
                "scan_qps": 999.6,
            },
        ),
        (
            "rpc_perf",
            RPC_PERF,
            {
                "rate": 15823.07,
                "success": 100.0,
                "hit_rate": 31.12,
                "min": 47,
                "p50": 389,
                "p90": 775,
                "p99": 86436,
                "p999": 89120,
                "p9999": 89657,
                "max": 89658,
            },
        ),
        (
            "ycsb",
            YCSB,
            {
                "operations": 3898,
                "ops_per_sec": 1296.31,
                "read_p9999": 2011,
                "update_p9999": 3999,
            },
        ),
        ("cassandra_stress", CASSANDRA, {"qps": 14997, "p99": 13.4}),
        ("mysql_tpm", "Vuser 1: TPM: 40123\nTPM: x\n", {"tpm": 40123}),
    ],
)
def test_a_load_generators_output_has_these_numbers(parser, text, expected):
    assert dict(parse(parser, text)) == expected


def test_specjbb_is_read_from_its_tables_only():
    assert parse("specjbb", SPECJBB) == [
        ("p99_total_purchase", 3800000.0),
        ("p99_total_purchase", 581000.0),
    ]


def test_stress_ng_has_a_row_for_each_stressor_and_the_counters_of_its_processes():
    parser = load_class(PARSERS["stress_ng"])()
    found = [metric for line in STRESS_NG.splitlines() for metric in parser.feed(line)]
    values = {(one.name, *one.labels.items()): (one.value, one.type) for one in found}
    process = ("id_proc_stress_ng", "19")
    assert values[("bogo_ops_counter", process)] == (4192, "counter")
    assert values[("bogo_ops_gauge", process)] == (41, "gauge")
    cpu = {
        name: value
        for (name, *labels), (value, _) in values.items()
        if ("stressor", "cpu") in labels
    }
    assert cpu == {
        "bogo_ops": 4192,
        "real_time": 10.02,
        "user_time": 19.94,
        "system_time": 0.0,
        "bogo_ops_per_second_real_time": 418.35,
        "bogo_ops_per_second_usr_sys_time": 210.23,
    }
    assert values[("bogo_ops", ("stressor", "vm"))] == (7, "gauge")


@pytest.mark.parametrize(
    "line",
    [
        "read",
        "read a b c d e f g h",
        "Total QPS = many",
        "[rpc-perf] Percentiles: p99: x",
        "[READ: 99.99=] operations;",
        "Op rate : ,",
        "Response times:",
        "TotalPurchase,,,",
        "stress-ng: info: [1] cpu 1 2 3",
        "TPM:",
    ],
)
def test_half_a_line_has_no_numbers(line):
    for name in PARSERS:
        assert parse(name, line) == []


@pytest.mark.parametrize("name", PARSERS)
def test_every_parser_is_one_and_says_what_it_finds(name):
    cls = load_class(PARSERS[name])
    assert issubclass(cls, Parser)
    assert cls.__doc__


WORDS = st.sampled_from(
    ["read", "Total QPS =", "[rpc-perf]", "Rate:", "Percentiles:", "p99:", "operations;", "[READ:",
     "99.99=", "]", "Op rate", ":", "Response times:", "TotalPurchase", ",", "p99", "TPM:",
     "stress-ng: info:", "[1]", "Time", "counter", "diff", "a=", "=", "1", "2.5", "-", "1e999", "nan"]
)  # fmt: skip


@given(st.lists(st.lists(WORDS | st.text(max_size=10)).map(" ".join), max_size=20))
def test_no_output_breaks_a_parser(lines):
    parsers = [
        RegexpParser(),
        RegexpParser(separator="a"),
        *(load_class(one)() for one in PARSERS.values()),
    ]
    for parser in parsers:
        found = [metric for line in lines for metric in parser.feed(line)]
        for metric in [*found, *parser.end()]:
            assert metric.value == to_number(str(metric.value))


@pytest.mark.parametrize(
    "line",
    ["x" * LONGEST_LINE, "1" * LONGEST_LINE, "a=" * (LONGEST_LINE // 2), "1." * (LONGEST_LINE // 2),
     "[READ:" * (LONGEST_LINE // 6), " operations;" + "7" * LONGEST_LINE, "p1: " * (LONGEST_LINE // 4),
     "stress-ng: info: [1] cpu" + " 1" * (LONGEST_LINE // 2) + " x", "[rpc-perf] Rate: " + "9" * LONGEST_LINE],
)  # fmt: skip
def test_a_very_long_line_is_no_trap(line):
    for parser in (RegexpParser(), *(load_class(one)() for one in PARSERS.values())):
        parser.feed(line)


def test_a_block_without_an_end_is_bounded():
    parser = RegexpParser(separator="never")
    for _ in range(100_000):
        parser.feed("x" * 100)
    assert parser._length < 2 << 20
