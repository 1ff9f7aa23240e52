"""``wca wrap`` with real programs, pipes and signals."""

import contextlib
import fcntl
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import termios
import time

import pytest

from tests.http_receiver import Reply
from tests.main.agent import ROOT, wait_until

WRAP = [sys.executable, "-m", "wca", "wrap"]
PYTHON = [sys.executable, "-u", "-c"]


def environment(*paths):
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *map(str, paths)])}


def wrap(*arguments, plugins=(), **options):
    """Run ``wca wrap`` to its end."""
    options.setdefault("capture_output", True)
    return subprocess.run(
        [*WRAP, *map(str, arguments)],
        env=environment(*plugins),
        timeout=90,
        check=False,
        **options,
    )


def start(*arguments, **options):
    return subprocess.Popen(
        [*WRAP, *map(str, arguments)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def samples(text):
    """Name to value of an exposition."""
    found = re.findall(r"^([a-z_]\w*)(?:\{[^}]*\})? (\S+)(?: \d+)?$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def test_the_output_is_passed_on_and_its_numbers_are_stored(tmp_path):
    file = tmp_path / "metrics.prom"
    done = wrap("--output", file, "--", "echo", "latency=4.5 and rate=2")
    assert (done.stdout, done.stderr, done.returncode) == (b"latency=4.5 and rate=2\n", b"", 0)
    assert samples(file.read_text()) == {"latency": 4.5, "rate": 2.0}


def test_the_metrics_of_the_reference_example(tmp_path):
    file = tmp_path / "metrics.prom"
    options = ["--sli", "a", "--slo", "10", "--load", "b", "--peak-load", "100"]
    wrap(*options, "--label", "app=shop", "--output", file, "--", "echo", "a=4.5 b=2")
    text = file.read_text()
    assert samples(text) == {
        "a": 4.5,
        "b": 2.0,
        "sli": 4.5,
        "sli_normalized": 0.45,
        "slo": 10.0,
        "load": 2.0,
        "load_normalized": 0.02,
        "peak_load": 100.0,
    }
    assert text.count('{app="shop"}') == 8


def test_without_a_storage_metrics_are_printed_on_lines_of_their_own():
    done = wrap("--", "printf", "no end a=1")
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "no end a=1"
    assert re.fullmatch(r"a 1\.0 \d{13}", lines[1])


@pytest.mark.parametrize("code", [0, 1, 77, 255])
def test_the_exit_code_is_the_programs(code):
    assert wrap("--", "sh", "-c", f"exit {code}").returncode == code


def test_one_that_a_signal_ends_has_the_code_that_a_shell_reports():
    assert wrap("--", "sh", "-c", "kill -KILL $$").returncode == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [("no-such-program", 127, "No such file"), ("/etc/passwd", 126, "Permission denied")],
)
def test_a_program_that_cannot_be_run_is_one_sentence(program, code, words):
    done = wrap("--", program)
    assert done.returncode == code
    assert done.stderr.decode().strip() == f"wca wrap cannot run {program}: {words}" + (
        " or directory" if code == 127 else ""
    )


def test_what_it_says_on_the_other_stream_goes_where_ours_goes(tmp_path):
    file = tmp_path / "metrics.prom"
    script = "echo out=1; echo err=2 >&2"
    done = wrap("--output", file, "--", "sh", "-c", script)
    assert (done.stdout, done.stderr) == (b"out=1\n", b"err=2\n")
    assert samples(file.read_text()) == {"out": 1.0}
    done = wrap("--stream", "stderr", "--output", file, "--", "sh", "-c", script)
    assert (done.stdout, done.stderr) == (b"out=1\n", b"err=2\n")
    assert samples(file.read_text()) == {"err": 2.0}
    done = wrap("--stream", "both", "--output", file, "--", "sh", "-c", script)
    assert (done.stdout, done.stderr) == (b"out=1\n", b"err=2\n")
    assert samples(file.read_text()) == {"out": 1.0, "err": 2.0}


def test_its_input_and_arguments_are_as_they_were_given():
    done = wrap("--", *PYTHON, "import sys; print(sys.argv[1:], sys.stdin.read())", "--", "-v", "a b",
                input=b"typed")  # fmt: skip
    assert done.stdout == b"['--', '-v', 'a b'] typed\n"


def test_any_bytes_are_passed_on_as_they_are(tmp_path):
    data = random.Random(5).randbytes(3 << 20) + b"x" * (2 << 20) + b"\na=1"
    (tmp_path / "in").write_bytes(data)
    file = tmp_path / "metrics.prom"
    done = wrap("--output", file, "--", "cat", tmp_path / "in")
    assert done.stdout == data
    assert samples(file.read_text())["a"] == 1.0
    assert b"Traceback" not in done.stderr


def test_output_that_ends_without_a_line_is_passed_on_at_once():
    with start(
        "--", *PYTHON, "import sys; print('ready?', end=''); input()", stdin=subprocess.PIPE
    ) as process:
        assert process.stdout.read(6) == b"ready?"
        process.communicate(b"yes\n", timeout=60)
        assert process.returncode == 0


def test_one_that_prints_nothing_is_said():
    done = wrap("--", "true")
    assert (done.stdout, done.returncode) == (b"", 0)
    assert b"nothing that true has printed is a metric" in done.stderr


def test_a_reader_that_goes_away_ends_the_program_as_it_would_without_us():
    with start("--", "yes") as process:
        assert process.stdout.readline() == b"y\n"
        process.stdout.close()
        assert process.wait(60) == 128 + signal.SIGPIPE
        assert b"Traceback" not in process.stderr.read()


COUNTS = """
import signal, sys, time
got = []
for number in map(int, sys.argv[1:]):
    signal.signal(number, lambda number, frame: got.append(number))
print('ready', flush=True)
end = time.monotonic() + 60
while not got and time.monotonic() < end:
    time.sleep(0.01)
time.sleep(0.5)
print('got=%d times=%d' % (got[0], len(got)))
"""
FORWARDED = [
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
]


@pytest.mark.parametrize("number", FORWARDED)
def test_a_signal_is_passed_on_and_what_comes_then_is_stored(tmp_path, number):
    file = tmp_path / "metrics.prom"
    with start("--output", file, "--", *PYTHON, COUNTS, number.value) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert out == b"got=%d times=1\n" % number
    assert process.returncode == 0
    assert samples(file.read_text()) == {"got": number, "times": 1.0}


def test_one_that_does_not_handle_a_signal_is_ended_by_it():
    with start("--", *PYTHON, "import time; print('ready', flush=True); time.sleep(60)") as process:
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM


def test_a_program_that_stops_takes_its_time_and_is_waited_for():
    script = (
        "import signal, sys, time; signal.signal(15, lambda *_: (time.sleep(1), sys.exit(9))); "
        "print('ready', flush=True); time.sleep(60)"
    )
    with start("--", *PYTHON, script) as process:
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        process.terminate()
        assert process.wait(60) == 9


TELLS = """
import signal, time
got = []
signal.signal(signal.SIGINT, lambda *_: got.append(1))
print('ready', flush=True)
told = 0
while told < 5:
    time.sleep(0.01)
    if len(got) > told:
        told = len(got)
        print('got', told, flush=True)
time.sleep(0.5)
print('all=%d' % len(got))
"""


def test_ctrl_c_reaches_the_program_once_each_time():
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [*WRAP, "--", *PYTHON, TELLS],
        env=environment(),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    said = b""
    try:
        for answer in (b"ready", b"got 1", b"got 2", b"got 3", b"got 4"):
            while answer not in said:
                said += os.read(master, 1000)
                assert b"all=" not in said
            time.sleep(0.1)
            os.write(master, b"\x03")
        with contextlib.suppress(OSError):  # the end of a terminal
            while data := os.read(master, 1000):
                said += data
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert b"all=5" in said


def test_a_parent_that_ignores_the_end_of_children_does_no_harm():
    script = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [*PYTHON, script, *WRAP, "--", "sh", "-c", "exit 5"],
        env=environment(), capture_output=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 5


def test_the_program_has_the_signals_that_a_shell_would_give_it():
    command = ["grep", "-E", "Sig(Ign|Blk)", "/proc/self/status"]
    plain = subprocess.run(
        ["sh", "-c", 'exec "$@"', "sh", *command], capture_output=True, check=True
    )
    internal = 0b11 << 31  # which the C library keeps for itself, and ignores in what it starts
    expected, found = (
        [int(mask, 16) & ~internal for mask in re.findall(r"[0-9a-f]{16}", done.stdout.decode())]
        for done in (plain, wrap("--", *command))
    )
    assert len(found) == 2
    assert found == expected


def test_a_process_that_is_left_behind_holds_nothing_up():
    began = time.monotonic()
    done = wrap(
        "--",
        "sh",
        "-c",
        "sleep 60 2>/dev/null & echo $!",
        stderr=subprocess.PIPE,
        capture_output=False,
        stdout=subprocess.PIPE,
    )
    os.kill(int(done.stdout.split()[0]), signal.SIGKILL)
    assert done.returncode == 0
    assert time.monotonic() - began < 45
    assert b"a process that sh has left behind still has its output" in done.stderr


RECORDS = """
from dataclasses import dataclass
from wca.storage import Storage
from wca.wrapping import Parser
from wca.metrics import Metric

@dataclass
class Diary(Storage):
    path: str
    def store(self, metrics):
        with open(self.path, 'a') as file:
            print(*sorted((m.name, m.value) for m in metrics), file=file)

class Words(Parser):
    def feed(self, line):
        return [Metric('words', len(line.split()))] if line else []
"""


@pytest.fixture
def plugins(tmp_path):
    (tmp_path / "parts.py").write_text(RECORDS)
    return tmp_path


def config(folder, text):
    path = folder / "storage.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_any_storage_and_any_parser_can_be_used(plugins):
    file = config(plugins, f"storage: !Diary {{path: {plugins}/diary}}\n")
    options = ["--storage", file, "-r", "parts:Diary", "--parser", "parts:Words"]
    done = wrap(*options, "--", "printf", r"one\none two", plugins=[plugins])
    assert done.returncode == 0, done.stderr
    assert (plugins / "diary").read_text() == "('words', 2)\n"


def test_a_report_at_a_time_is_a_batch(plugins):
    file = config(plugins, f"storage: !Diary {{path: {plugins}/diary}}\n")
    script = "echo a=1; echo b=2; sleep 1; echo a=3"
    wrap(
        "--storage",
        file,
        "-r",
        "parts:Diary",
        "--interval",
        "200ms",
        "--",
        "sh",
        "-c",
        script,
        plugins=[plugins],
    )
    assert (plugins / "diary").read_text().splitlines() == ["('a', 1.0) ('b', 2.0)", "('a', 3.0)"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("runner: !MeasurementRunner {}\n", "the top level has no field 'runner'"),
        ("storage: !NOPAnomalyDetector {}\n", "expected a Storage, got a NOPAnomalyDetector"),
        ("storage: !LogStorage {overwrit: true}\n", "storage.overwrit: !LogStorage has no field"),
        ("", "the file is empty, write storage: and the tag of a Storage"),
        ("storage: !PrometheusStorage {}\n", "wca wrap has no server"),
        ("storage: !MultiStorage {storages: [!PrometheusStorage {}]}\n", "wca wrap has no server"),
        ("storage: !LogStorage {output_filename: /no/such/file}\n", "/no/such"),
    ],
)
def test_a_storage_that_cannot_be_used_keeps_the_program_from_running(tmp_path, text, words):
    done = wrap("--storage", config(tmp_path, text), "--", "echo", "ran")
    assert (done.stdout, done.returncode) == (b"", 1)
    assert words in done.stderr.decode()
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say what to run: wca wrap [options] -- PROGRAM ARGUMENTS"),
        (["--"], "say what to run"),
        (["--regexp", "(", "--", "true"], "regexp: '(' is no regular expression"),
        (
            ["--parser", "mutilat", "--", "true"],
            "there is no parser 'mutilat', did you mean mutilate?",
        ),
        (["--parser", "ycsb", "--regexp", "x", "--", "true"], "give one of them"),
        (["--output", "a", "--storage", "b", "--", "true"], "give one of them"),
        (["--label", "app", "--", "true"], "--label app: write it as NAME=VALUE"),
        (["--label", "1a=b", "--", "true"], "label"),
        (["--interval", "soon", "--", "true"], "--interval soon: write a time such as"),
        (["--load", "a", "--", "true"], "load and peak-load belong together"),
        (["--log", "loud", "--", "true"], "unknown log level 'loud'"),
        (["--parser", "os:Nothing", "--", "true"], "has no class 'Nothing'"),
        (["--parser", "io:StringIO", "--", "true"], "io:StringIO is no Parser"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(arguments, words):
    done = wrap(*arguments)
    assert done.returncode in (1, 2)
    assert words in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_it_says_what_it_can_do():
    done = wrap("--help")
    assert done.returncode == 0
    assert b"wca wrap [options] -- PROGRAM [ARGUMENTS]" in done.stdout


def test_it_leaves_no_process(tmp_path):
    with start("--", "sh", "-c", "echo $$; exec sleep 60") as process:
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the program")


def test_what_was_found_last_is_sent_before_the_end(tmp_path, receiver):
    file = config(tmp_path, f"storage: !HTTPStorage {{http_endpoint: '{receiver.url}'}}\n")
    done = wrap(
        "--storage", file, "--interval", "1h", "--", "sh", "-c", "echo a=1; echo b=2; exit 4"
    )
    assert done.returncode == 4, done.stderr
    assert [json.loads(body) for body in receiver.bodies] == [{"a": 1.0, "b": 2.0}]


def test_a_service_that_is_away_changes_nothing_for_the_program(tmp_path):
    file = config(tmp_path, "storage: !HTTPStorage {http_endpoint: 'http://127.0.0.1:9'}\n")
    done = wrap("--storage", file, "--", "sh", "-c", "echo a=1; exit 4")
    assert (done.stdout, done.returncode) == (b"a=1\n", 4)
    assert b"samples that wait are given up" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_signal_after_the_end_of_the_program_ends_the_waiting_for_a_service(tmp_path, receiver):
    receiver.reply(Reply(delay=60))
    file = config(tmp_path, f"storage: !HTTPStorage {{http_endpoint: '{receiver.url}'}}\n")
    options = ["--storage", file, "--interval", "10ms"]
    with start(*options, "--", "sh", "-c", "echo $$ a=1; exit 4") as process:
        pid = int(process.stdout.readline().split()[0])
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the program")
        wait_until(lambda: receiver.requests, "what is sent")
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert b"interrupted: metrics that have not been stored yet are lost" in err
