"""What is left out is said when it is new."""

from wca.nodes.left_out import LeftOut


def test_only_what_is_new_is_said(caplog):
    left_out = LeftOut("MyNode")
    left_out.tell({})
    left_out.tell({"a": "too large"})
    left_out.tell({"a": "too large"})
    left_out.tell({"a": "too large", "b": "too small"})
    left_out.tell({"a": "too old"})
    left_out.tell({})
    left_out.tell({"a": "too old"})
    assert caplog.messages == [
        "MyNode leaves out a: too large",
        "MyNode leaves out b: too small",
        "MyNode leaves out a: too old",
        "MyNode leaves out a: too old",
    ]


def test_many_are_one_line(caplog):
    LeftOut("MyNode").tell({f"t{number}": "odd" for number in range(1000)})
    assert caplog.messages == ["MyNode leaves out t0: odd; t1: odd; t2: odd; and 997 more"]
