"""``wca top`` in a real terminal, of real control groups."""

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.services import free_port
from tests.top.terminal import WCA, Terminal

UP, DOWN = "\x1bOA", "\x1bOB"


@pytest.fixture
def groups(real_cgroups):
    """A group with a process that never rests, and one with a process that always does."""
    paths = {name: real_cgroups.make(name) for name in ("busy", "idle")}
    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        real_cgroups.place(paths["busy"], spin.pid)
        real_cgroups.worker(paths["idle"])
        yield real_cgroups.parent
    finally:
        spin.kill()
        spin.wait()


@pytest.fixture
def top(groups):
    """top(*options, **terminal): it runs, and shows the two groups."""
    opened = []

    def top(*options, **terminal):
        command = [*WCA, "--parent", groups, "--interval", "0.3", *options]
        one = Terminal(command, **terminal)
        opened.append(one)
        return one

    yield top
    for one in opened:
        one.__exit__()


def rows(text):
    """First cells of the rows of the table by the end of the name."""
    found = re.findall(r"^\S*(busy|idle) +(\S+)", text, re.MULTILINE)
    return dict(found)


def measured(text):
    return {"busy", "idle"} <= rows(text).keys() and "-" not in rows(text).values()


def test_the_busy_task_is_on_top_with_the_cpu_that_it_uses(top):
    one = top()
    text = one.wait(lambda text: measured(text) and float(rows(text)["busy"]) > 10, "numbers")
    assert list(rows(text)) == ["busy", "idle"]
    assert float(rows(text)["idle"]) < float(rows(text)["busy"]) <= 120
    head = text.split("\n")
    assert head[0].startswith("wca top ")
    assert re.match(r"CPU [\d.]+% of \d+ CPUs  memory [\d.]+[KMGT] of [\d.]+[KMGT]", head[1])
    assert head[2] == "tasks 2  anomalies -  sorted by CPU%, falling"
    assert "q end" in head[-1]


def test_keys_sort_filter_open_and_explain(top):
    one = top()
    one.wait(measured, "numbers")
    one.press("N")
    one.wait_for("sorted by TASK, rising")
    one.press("r")
    one.wait(lambda text: list(rows(text)) == ["idle", "busy"], "names from the end")
    one.press("/busy\r")
    one.wait(lambda text: list(rows(text)) == ["busy"], "only the one")
    one.press("\r")
    assert "per second)" in one.wait_for("task_cpu_usage_seconds")
    one.press("\x1b")
    one.wait_for("(1 rows with 'busy')")
    one.press("q")
    assert one.ended() == 0
    assert one.as_before


def test_help_pause_and_interval(top):
    one = top()
    one.wait(measured, "numbers")
    one.press("?")
    one.wait_for("Columns")
    one.press("\x1b")
    one.wait(measured, "the table")
    one.press(" ")
    one.wait_for("paused")
    one.press(" +")
    one.wait_for("every 0.5 s")


def test_arrows_move_the_cursor(top):
    one = top()
    one.wait(measured, "numbers")
    place = 5  # the line of the second row
    one.press(DOWN)
    one.wait(lambda _: one.screen.buffer[place][0].reverse, "the cursor on the second row")
    one.press(UP)
    one.wait(lambda _: not one.screen.buffer[place][0].reverse, "the cursor back")


def test_it_follows_the_size_of_the_terminal(top):
    one = top()
    one.wait(measured, "numbers")
    assert "READ" not in one.text
    one.resize(30, 160)
    one.wait(lambda text: "READ" in text and measured(text), "more columns")
    one.resize(6, 40)  # one row has room
    one.wait(lambda text: "P-IO" not in text and "busy" in text and "idle" not in text, "less")
    one.press("q")
    assert one.ended() == 0
    assert one.as_before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(top, number):
    one = top()
    one.wait(measured, "numbers")
    one.process.send_signal(number)
    assert one.ended() == 128 + number
    assert one.as_before
    assert b"Traceback" not in one.written


def test_ctrl_c_ends_it(top):
    one = top()
    one.wait(measured, "numbers")
    one.press("\x03")
    assert one.ended() == 130
    assert one.as_before


def test_a_terminal_that_goes_away_ends_it(top):
    one = top()
    one.wait(measured, "numbers")
    os.close(one.slave)
    os.close(one.master)
    assert one.process.wait(timeout=10) == 128 + signal.SIGHUP


def test_stopped_by_ctrl_z_it_leaves_the_terminal_to_the_shell_and_comes_back(groups):
    command = ["bash", "--norc", "--noprofile", "--noediting", "-i"]
    with Terminal(command, PS1="shell> ") as one:
        one.wait_for("shell>")
        before = one.before = _modes(one)
        one.press(f"{' '.join(WCA)} --parent {groups} --interval 0.3\n")
        one.wait(measured, "numbers")
        assert _modes(one) != before
        one.press("\x1a")
        one.wait_for("Stopped")
        assert _modes(one) == before
        one.press("fg\n")
        one.wait(lambda text: measured(text) and "Stopped" not in text, "the table again")
        assert _modes(one) != before
        one.press("q")  # what is typed before the end is dropped with it
        one.wait(lambda _: _modes(one) == before, "the shell again")
        one.press("echo code $?\n")
        one.wait_for("code 0")
        assert _modes(one) == before
        one.press("exit\n")
        one.ended()


def _modes(one):
    import termios

    return termios.tcgetattr(one.slave)


def test_stopped_from_outside_it_draws_everything_again(top):
    one = top()
    one.wait(measured, "numbers")
    one.process.send_signal(signal.SIGSTOP)
    one.screen.reset()  # somebody else has used the terminal meanwhile
    one.process.send_signal(signal.SIGCONT)
    text = one.wait(measured, "everything again")
    assert text.startswith("wca top ")


#: Runs the command with a defect in it, which nothing else brings about.
DEFECT = """
import sys
from wca.main import main
from wca.top.view import View

def press(view, key):
    raise RuntimeError("a defect")

View.press = press
sys.exit(main(sys.argv[1:]))
"""


def test_a_defect_leaves_the_terminal_as_it_was(groups):
    with Terminal([sys.executable, "-c", DEFECT, "top", "--parent", groups]) as one:
        one.wait_for("q end")
        one.press("x")
        assert one.ended() == 1
        assert one.as_before
        assert "RuntimeError: a defect" in one.text


@pytest.mark.parametrize("term", ["vt100", "linux", "screen", "tmux-256color", "xterm-mono"])
def test_it_runs_on_terminals_of_all_kinds(top, term):
    one = top(term=term)
    one.wait(measured, "numbers")
    one.press("q")
    assert one.ended() == 0


def test_the_size_is_that_of_the_terminal_whatever_the_environment_says(top):
    one = top(LINES="10", COLUMNS="40")
    one.wait(measured, "numbers")
    assert "q end" in one.text.splitlines()[23]
    one.press("q")
    assert one.ended() == 0


def test_without_utf_8_nothing_else_is_sent(top):
    one = top(LC_ALL="C", term="vt100")
    one.wait(measured, "numbers")
    one.press("/")
    one.wait_for("/_")
    one.press("\u00e4")

    def left(text):  # curses drops what comes in one go with bytes that are no character
        if "/_" in text:
            one.press("\x1b")
        return "/_" not in text

    one.wait(left, "the end of the filter")
    one.press("q")
    one.ended()
    assert one.written.isascii()


@pytest.mark.parametrize(("no_color", "red"), [("", True), ("1", False)])
def test_trouble_is_red_unless_nobody_wants_colours(no_color, red):
    command = [*WCA, "--url", f"http://127.0.0.1:{free_port()}"]
    with Terminal(command, NO_COLOR=no_color) as one:
        one.wait_for("connection refused")
        place = one.lines.index(next(line for line in one.lines if "refused" in line))
        assert (one.screen.buffer[place][0].fg == "red") is red
        one.press("q")
        assert one.ended() == 0
        assert one.as_before


@pytest.mark.parametrize(
    ("term", "words"), [("dumb", "at its end only"), ("foo", "no terminal that")]
)
def test_a_terminal_that_cannot_show_a_screen_is_refused_with_what_helps(top, term, words):
    one = top(term=term)
    assert one.ended() == 2
    said = " ".join(one.text.split())
    assert words in said
    assert "--batch" in said
    assert "Traceback" not in said


def test_a_task_that_ends_goes_and_one_that_begins_comes(top, real_cgroups):
    one = top(lines=30)
    one.wait(measured, "numbers")
    path = real_cgroups.make("later")
    worker = real_cgroups.worker(path)
    one.wait_for("later")
    worker.stop()
    real_cgroups.remove(path)
    one.wait(lambda text: "later" not in text and measured(text), "the end of it")
