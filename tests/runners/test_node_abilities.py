"""What a node may do besides listing: wake discovery, tell the age of its list."""

import threading

from wca.nodes import Task
from wca.nodes.polling import PollingNode
from wca.runners import MeasurementRunner
from wca.testing import KernelTree, RecordingStorage


class Growing(PollingNode):
    """Lists one more task each time it is asked, as if each had started meanwhile."""

    def __init__(self, tree):
        super().__init__(keep=60.0)
        self._tree = tree
        self._tasks = []

    def poll(self):
        if len(self._tasks) < 3:
            name = f"task{len(self._tasks)}"
            self._tree.add_task(f"/{name}")
            self._tasks.append(Task(name, name, f"/{name}"))
        return self._tasks


class Until(RecordingStorage):
    """Stops the runner when a batch satisfies it, or after a while."""

    def __init__(self, enough):
        super().__init__()
        self._enough = enough
        self.reached = threading.Event()

    def store(self, metrics):
        super().store(metrics)
        if self._enough(self.batches[-1]):
            self.reached.set()


def tasks_of(batch):
    return {one.labels["task_id"] for one in batch if one.name == "task_up"}


def test_another_list_is_measured_at_once_and_its_age_is_told(tmp_path):
    tree = KernelTree(tmp_path, "v2")
    storage = Until(lambda batch: len(tasks_of(batch)) >= 2)
    runner = MeasurementRunner(
        Growing(tree), storage, interval=0.05, discovery_interval=3600, kernel=tree.kernel
    )
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        assert storage.reached.wait(30)  # nobody waits for the next discovery, an hour from now
    finally:
        runner.stop()
        thread.join()
    (age,) = [one for one in storage.batches[-1] if one.name == "wca_node_list_age_seconds"]
    assert age.labels["node"] == "Growing"
    assert 0 <= age.value < 30
