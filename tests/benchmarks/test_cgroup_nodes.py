"""The benchmark of docs/nodes.md runs and prints a table."""

from benchmarks.cgroup_nodes import HEADER, table


def test_every_node_has_a_row_for_each_size():
    printed = table(sizes=(3, 5), rounds=2)
    assert printed.startswith(HEADER)
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines()[2:]]
    assert len(rows) == 2 * 5
    assert {row[1] for row in rows} == {"3", "5"}
    assert all(float(number) >= 0 for row in rows for number in row[2:])
