"""Plain tables of this machine's control groups, and what the command refuses."""

import os
import subprocess

import pytest

from tests.main.agent import environment, write_config
from tests.top.terminal import WCA
from wca.collectors.node_memory import NodeMemoryCollector
from wca.collectors.task_cpu import TaskCpuCollector
from wca.errors import TaskSynchronizationException, UsageError
from wca.main import main
from wca.nodes import Node, Task
from wca.runners.measuring import Granularity
from wca.top.chosen import Chosen, chosen_groups
from wca.top.groups import BusyGroups
from wca.top.own import OwnSource

CONFIG = """\
runner: !MeasurementRunner
  node: !StaticNode
    tasks: [{task}]
    default_labels: {{owner: me}}
  collectors: [{collectors}]
"""


def table(text):
    """The rows of the last table by name, each by column."""
    lines = text.rstrip().splitlines()
    at = max(place for place, line in enumerate(lines) if line.startswith("TASK"))
    head = lines[at].split()
    cells = [dict(zip(head, line.split(), strict=True)) for line in lines[at + 1 :]]
    return {row["TASK"]: row for row in cells}


@pytest.fixture
def config(tmp_path, real_cgroups):
    """config(collectors): a configuration with a task that has a process."""
    path = real_cgroups.make("task")
    real_cgroups.worker(path)

    def config(collectors="!TaskCpuCollector {}"):
        return write_config(tmp_path, CONFIG.format(task=path[1:], collectors=collectors))

    return config


def test_the_tasks_are_groups_with_processes_that_have_none_with_processes_below(real_cgroups):
    real_cgroups.make("outer")
    inner, empty = real_cgroups.make("outer/inner"), real_cgroups.make("empty")
    real_cgroups.worker(inner)
    paths = [task.cgroup_path for task in BusyGroups(real_cgroups.parent).get_tasks()]
    assert paths == [inner]
    assert [task.cgroup_path for task in BusyGroups(inner).get_tasks()] == [inner]
    assert BusyGroups(empty).get_tasks() == []


def test_a_name_with_special_characters_is_taken_as_it_is(real_cgroups):
    path = real_cgroups.make("a[bc]*")
    real_cgroups.make("ab")
    real_cgroups.worker(path)
    assert [task.cgroup_path for task in BusyGroups(path).get_tasks()] == [path]


def test_a_busy_process_is_measured(real_cgroups):
    path = real_cgroups.make("busy")
    worker = real_cgroups.worker(path)
    source = OwnSource(chosen_groups(real_cgroups.parent, ipc=False))
    source.start()
    first = source.read(1.0)
    used = worker.burn(0.3)
    second = source.read(1.0)
    source.close()
    source.close()
    before, after = (one.tasks[0].values["task_cpu_usage_seconds"] for one in (first, second))
    assert after - before == pytest.approx(used, rel=0.1, abs=0.02)
    assert second.tasks[0].name == path[1:]
    assert second.machine["platform_mem_total_bytes"] > second.machine["memory_usage"]
    assert second.anomalies is None
    assert second.tasks[0].values["task_pids"] >= 1


class Pod(Node):
    """A task with one container."""

    def __init__(self, path, container):
        self._task = Task("web", "42", path, {}, subcgroups_paths=[container])

    def get_tasks(self):
        return [self._task]


def test_a_container_is_a_row_of_its_own(real_cgroups):
    pod, container = real_cgroups.make("pod"), real_cgroups.make("pod/db")
    real_cgroups.worker(container)
    node = Pod(pod, container)
    source = OwnSource(Chosen("pods", node, [TaskCpuCollector()], {}, Granularity.BOTH))
    source.start()
    found = source.read(1.0)
    source.close()
    whole, part = sorted(found.tasks, key=lambda one: one.part)
    assert (whole.key, whole.name, whole.part) == ("42", "web", False)
    assert (part.task_id, part.name, part.part) == ("42", "web db", True)
    assert "task_cpu_usage_seconds" in part.values


def test_a_node_that_fails_is_noted_and_the_machine_is_shown():
    class Broken(Node):
        def get_tasks(self):
            raise TaskSynchronizationException("no list")

    source = OwnSource(Chosen("broken", Broken(), [NodeMemoryCollector()]))
    source.start()
    found = source.read(1.0)
    source.close()
    assert found.tasks == ()
    assert found.notes == ("node fails",)
    assert found.machine["memory_usage"] > 0


def test_nothing_of_the_kernel_is_changed(real_cgroups):
    """As strace sees it: no file is opened for writing, but /dev/null."""
    path = real_cgroups.make("task")
    real_cgroups.worker(path)
    trace = f"/tmp/wca-top-{os.getpid()}.trace"
    command = ["strace", "-f", "-qq", "-e", "trace=openat,mkdir", "-o", trace, *WCA, "--once"]
    try:
        done = subprocess.run(
            [*command, "--parent", real_cgroups.parent], env=environment(), capture_output=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with open(trace) as file:
            opened = [line for line in file if "/sys/fs/" in line or '"/proc/' in line]
    finally:
        os.unlink(trace)
    assert opened
    assert not [line for line in opened if "O_WRONLY" in line or "O_RDWR" in line]
    assert not [line for line in opened if "mkdir" in line]


def test_one_table_of_a_configuration(config, capsys):
    assert main(["top", "--once", "--interval", "0.2", "-c", str(config())]) == 0
    (row,) = table(capsys.readouterr().out).values()
    assert row["CPU%"] != "-"
    assert row["MEM"] == "-"  # its collectors do not measure it


def test_several_tables_with_the_sort_and_the_filter_of_the_options(real_cgroups, capsys):
    for name in ("b", "a", "c"):
        real_cgroups.worker(real_cgroups.make(name))
    options = ["--batch", "2", "--interval", "0.2", "--sort", "task", "--filter", "/A"]
    assert main(["top", "--parent", real_cgroups.parent, *options]) == 0
    text = capsys.readouterr().out
    assert text.count("\n\n") == 1
    assert [name[-2:] for name in table(text)] == ["/a"]
    assert (
        main(["top", "--parent", real_cgroups.parent, "--once", "--sort", "TASK", "--reverse"]) == 0
    )
    assert [name[-1] for name in table(capsys.readouterr().out)] == ["c", "b", "a"]


def test_without_a_terminal_there_is_one_table(real_cgroups):
    done = subprocess.run(
        [*WCA, "--parent", real_cgroups.parent], env=environment(), capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wca top") == 1


def test_a_reader_that_has_seen_enough_is_no_error(real_cgroups):
    command = " ".join([*WCA, "--batch", "--interval", "0.2", "--parent", real_cgroups.parent])
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1; exit ${{PIPESTATUS[0]}}"],
        env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr == ""


def test_collectors_that_would_change_something_are_left_out(config, capsys):
    path = config("!TaskCpuCollector {}, !TaskWssCollector {reset_cycles: 1}")
    assert main(["top", "--once", "--interval", "0.2", "-c", str(path)]) == 0
    assert (
        "note: TaskWssCollector is left out: it would change something" in capsys.readouterr().out
    )


def said(capsys, *arguments):
    """The one sentence that is said, and the exit code."""
    code = main(["top", *arguments])
    printed = capsys.readouterr()
    assert printed.out == ""
    (sentence,) = printed.err.splitlines()
    return code, sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--parent", "/no/such"], "there is no control group /no/such"),
        (["--interval", "soon"], "--interval soon: write a time such as 500ms or 2s"),
        (["--interval", "0"], "--interval 0: write a time from 100ms to 1h"),
        (["--sort", "CPUS"], "did you mean CPU%?"),
        (["--sort", "xyzzy"], "known: TASK, CPU%, THR%"),
        (["--url", "127.0.0.1"], "write it as http://127.0.0.1:19220"),
        (["--ca", "/x"], "belong to --url"),
        (["--url", "https://a", "--ca", "/no/such"], "there is no such file"),
        (
            ["--url", "http://a", "--token-file", "/no/such"],
            "--token-file: /no/such cannot be read",
        ),
        (["--url", "http://a", "--ipc"], "--ipc is for control groups"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(capsys, arguments, words):
    code, sentence = said(capsys, *arguments)
    assert code == 2
    assert words in sentence


def test_a_path_that_is_none_is_one_sentence(capsys):
    code, sentence = said(capsys, "--parent", "/a/../b")
    assert code == 1
    assert "has no '..'" in sentence


def test_a_bad_configuration_is_told_with_its_place(tmp_path, capsys):
    path = write_config(
        tmp_path, "runner: !MeasurementRunner {node: !StaticNode {tasks: []}, interval: soon}\n"
    )
    code, sentence = said(capsys, "-c", str(path))
    assert code == 1
    assert sentence.startswith(f"{path}:1:")


def test_a_runner_that_measures_no_tasks_is_refused():
    from wca.top.chosen import chosen_of

    with pytest.raises(UsageError, match="its runner, object, measures no tasks"):
        chosen_of(object(), "file")
