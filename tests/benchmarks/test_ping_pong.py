"""The measurement of what counting costs the counted: it starts, and both sides are measured."""

from benchmarks import ping_pong
from tests.cgroup_fixtures import need_root


def test_a_row_has_both_times_their_ratio_and_its_spread():
    need_root()
    cells = [cell.strip() for cell in ping_pong.measure(2, 2, 1).strip("|").split("|")]
    assert len(cells) == ping_pong.HEADER.splitlines()[0].strip("|").count("|") + 1
    assert cells[:2] == ["2", "1"]
    assert all(float(cell) > 0 for cell in cells[2:5])
