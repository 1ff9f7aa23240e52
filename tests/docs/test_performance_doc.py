"""docs/performance.md has the tables that the benchmarks print, with the sizes that they have."""

from pathlib import Path

import pytest

from benchmarks import encoding, kafka, scrape

PAGE = (Path(__file__).parents[2] / "docs" / "performance.md").read_text()


def rows_below(header):
    """The first columns of a table's rows."""
    table = PAGE.split(header, 1)[1].split("\n\n", 1)[0]
    return [line.strip("| ").split(" | ") for line in table.strip().splitlines()]


@pytest.mark.parametrize(
    ("header", "sizes"),
    [
        (encoding.HEADER, {"1,000", "10,000", "100,000"}),
        (scrape.HEADER, {"10,000"}),
        (kafka.HEADER, {"1,000", "10,000", "50,000"}),
    ],
    ids=["encoding", "scrape", "kafka"],
)
def test_a_table_is_the_one_that_the_command_prints(header, sizes):
    assert {row[0] for row in rows_below(header)} == sizes


def test_each_size_has_all_comparisons_with_confluent_kafka():
    pairs = [(row[1], row[2]) for row in rows_below(kafka.HEADER)]
    assert pairs == 3 * [
        ("ready messages", "WCA"),
        ("ready messages", "confluent-kafka"),
        ("store()", "WCA"),
        ("store()", "confluent-kafka"),
    ]
