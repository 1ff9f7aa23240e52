"""A node with a kernel-shaped resctrl, and a performer that acts on it."""

from tests.allocations.acting import Acting
from wca.allocations.journal import Journal
from wca.allocators import AllocationType
from wca.detectors import TaskData
from wca.linux.cgroups import CgroupHierarchies
from wca.testing.control_files import ControlFiles
from wca.testing.kernel import KernelTree
from wca.testing.resctrl import ResctrlTree
from wca.testing.schemata import Resource

__all__ = ["L3", "MB", "POINT", "RdtNode", "Resource"]

POINT = "/sys/fs/resctrl"
RDT = AllocationType.RDT
L3, MB = Resource("L3"), Resource("MB", least=10)


class RdtNode:
    """Tasks with threads, groups of resctrl, and who acts."""

    def __init__(self, folder, layout="v2", resources=(L3, MB), **options):
        self.folder = folder
        self.tree = KernelTree(folder, layout)
        self.resctrl = ResctrlTree(folder, resources=resources, **options)
        self.members, self.tasks, self.started = {}, {}, 100
        self.journal = None
        self.acting = None

    def task(self, name, threads=2, **labels):
        """A task whose threads begin in the root group."""
        self.tree.add_task(f"/{name}")
        self.members[name] = []
        self.add(name, threads)
        self.tasks[name] = TaskData(name, name, f"/{name}", labels=labels)
        return self.members[name]

    def add(self, name, threads=1):
        """Threads that were started elsewhere are put into a task's cgroup."""
        for _ in range(threads):
            self.started += 1
            self.resctrl.start(self.started)
            self.members[name].append(self.started)
        self._show(name)
        return self.started

    def fork(self, name):
        """A thread of the task starts another one, which is where it is."""
        self.started += 1
        self.resctrl.start(self.started, parent=self.members[name][0])
        self.members[name].append(self.started)
        self._show(name)

    def end(self, name):
        """The task with its cgroup."""
        for thread in self.members.pop(name):
            self.resctrl.end(thread)
        self.tree.remove_task(f"/{name}")
        del self.tasks[name]

    def act(self, kernel=None, **options):
        """An agent begins."""
        kernel = kernel or ControlFiles(self.resctrl)
        self.journal = Journal(f"{self.folder}/journal", now=lambda: 90.0, boot="b")
        self.journal.open()
        locate = CgroupHierarchies(self.tree.kernel).locate
        self.acting = Acting(locate, files=kernel, journal=self.journal, **options)
        self.acting.tasks = self.tasks
        return self

    def ask(self, **asked):
        """What became of requests, by task."""
        values = {name: {RDT: value} for name, value in asked.items()}
        return {name: outcome for (name, _), outcome in self.acting.ask(values).items()}

    def where(self, name):
        """The control groups of a task's threads."""
        return {self.resctrl.place(thread).control for thread in self.members[name]}

    def rows(self, control=""):
        """The rows of a group, as the kernel shows them, without spaces."""
        folder = f"{POINT}/{control}" if control else POINT
        with open(f"{self.folder}{folder}/schemata") as file:
            return [line.replace(" ", "").strip() for line in file]

    def groups(self):
        """Names of control groups."""
        return {place.control for place in self.resctrl.groups() if not place.monitoring}

    def in_force(self, name):
        return self.acting.rdt.read(self.tasks[name])

    def everything(self):
        """All that an agent could have changed."""
        rows = {control: self.rows(control) for control in ("", *self.groups())}
        return rows, {name: self.where(name) for name in self.members}

    def _show(self, name):
        folder = next(iter(self.tree.groups(f"/{name}").values()))
        if "v2" in self.tree.groups(f"/{name}"):
            self.tree.write(f"{folder}/cgroup.threads", _lines(self.members[name]))
        else:
            for folder in self.tree.groups(f"/{name}").values():
                self.tree.write(f"{folder}/tasks", _lines(self.members[name]))


def _lines(threads):
    return "".join(f"{thread}\n" for thread in threads)
