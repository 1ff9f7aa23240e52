"""A performer with all that it needs, for tests."""

from wca.allocations.actions import Actions
from wca.allocations.arbiter import Arbiter
from wca.allocations.encoding import Machine
from wca.allocations.envelope import Envelope
from wca.allocations.events import Events
from wca.allocations.files import KernelFiles
from wca.allocations.gate import Gate
from wca.allocations.groups import Groups
from wca.allocations.knobs import SLOW
from wca.allocations.ownership import Ownership
from wca.allocations.performer import Performer, Policy
from wca.allocations.resctrl.opening import find_resctrl_files
from wca.allocations.resctrl.rdt import Rdt
from wca.allocations.slow import SlowWrites
from wca.allocations.volatile import VolatileJournal


class Group:
    """The group of a task, with a folder for each controller on cgroup v1."""

    def __init__(self, path, version):
        self.path, self._version = path, version

    def version(self, controller):
        return self._version

    def directory(self, controller):
        return f"/cg/{controller}{self.path}" if self._version == 1 else f"/cg{self.path}"

    def appeared(self):
        return False


class Acting:
    """Asks, and tells what became of it in words."""

    def __init__(
        self,
        locate,
        *,
        cpus=2,
        nodes=1,
        files=None,
        journal=None,
        envelope=None,
        slow=None,
        history=None,
        root_rows=None,
        expires=lambda: 100.0,
        slow_events=SlowWrites,
        swaps=False,
        ownership=None,
        attempts=None,
        **policy,
    ):
        self.kernel = files or KernelFiles()
        self.files, options = find_resctrl_files(self.kernel)
        self.journal = journal or VolatileJournal()
        self.machine = Machine(cpus, nodes=nodes)
        self.groups = Groups(locate, self.files, self.machine)
        self.policy = Policy(**{"act": True, "decides": False, **policy})
        self.gate = Gate(self.files, self.journal, "test", expires, SLOW, slow or SlowWrites())
        envelope = envelope or Envelope()
        self.rdt = Rdt(self.groups, self.files, options, root_rows)
        actions = Actions(self.groups, self.files, lambda: swaps)
        self.events = Events(actions, envelope, act=self.policy.act, slow=slow_events)
        arbiter = Arbiter(self.files, self.journal, self.gate, ownership or Ownership(), attempts)
        self.performer = Performer(
            *(self.groups, self.files, self.gate, self.journal, envelope, self.policy),
            self.events,
            self.rdt,
            arbiter,
            history,
        )
        self.tasks = {}
        self.now = 0.0

    def results(self, asked, held=""):
        return self.performer.perform(asked, self.tasks, self.now, held)

    def ask(self, asked, held=""):
        return {
            (one.task_id, one.type): f"{one.outcome}: {one.reason}" if one.reason else one.outcome
            for one in self.results(asked, held)
        }

    def undo(self):
        undone = self.journal.undo(self.files, only_expired=False, now=0.0)
        return [one.outcome for one in undone]
