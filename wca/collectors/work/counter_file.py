"""``WorkCounterFile``: an application writes how much it has done into a file of its own."""

import re
from typing import Annotated, ClassVar

from wca.collectors.api import Probe
from wca.collectors.work.api import WORK, WorkSource, known_of
from wca.collectors.work.kept_file import KeptFile
from wca.collectors.work.tally import Tally
from wca.collectors.work.templates import PathTemplate, fill_path
from wca.config.types import LabelName
from wca.errors import WcaError
from wca.metrics import Measurements
from wca.nodes.api import Task

__all__ = ["WorkCounterFile", "parse_count"]

#: Bytes; more than any number needs.
_MOST_BYTES = 64
_COUNT = re.compile(rb"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


class WorkCounterFile(WorkSource):
    """A file per task that holds one number: the units of work that it has done since it began.

    The number may be rewritten at any moment, in place or by renaming another file over it. An
    empty file, and a missing one, say nothing yet. A number that goes back counts when it is read
    twice: the application began anew. The file should be on a file system of this machine, such as
    /run, because it is read between the counters of the task. Symbolic links below the folder that
    ``path`` names without labels are not followed.

    Args:
        path: of the file, with labels of the task: ``/run/{task_name}/work``. ``task_name`` and
            ``task_id`` are always there. A label with ``/`` in it, or none, means no work.
        labels: which tasks have such a file: regular expressions by label; all when left out.

    Raises:
        ValidationError: the path is no template, or an expression is wrong.
    """

    blocking: ClassVar[bool] = False

    def __init__(
        self,
        path: Annotated[str, PathTemplate()],
        labels: dict[Annotated[str, LabelName()], str] | None = None,
    ) -> None:
        super().__init__(labels)
        PathTemplate().check(path)
        self.path = path

    def attach(self, task: Task) -> Probe:
        """Find out which file it is; it need not be there yet. Raises NotAvailable."""
        folder, names = fill_path(self.path, known_of(task))
        return CounterFileProbe(KeptFile(folder, names, _MOST_BYTES))


class CounterFileProbe:
    """Reads the number of one task.

    Args:
        file: that holds it.
    """

    def __init__(self, file: KeptFile) -> None:
        self.file = file
        self._tally = Tally()

    def read(self, out: Measurements) -> None:
        """Add the work, if the file says. Raises WcaError for what is no number."""
        content = self.file.read()
        if content is None or not content.strip():
            return
        count = parse_count(content)
        if count is None:
            raise WcaError(f"{self.file.path} does not hold one number of at least 0 and no more")
        work = self._tally.add({"": count})
        if work is not None:
            out[WORK] = work

    def close(self) -> None:
        """Close the file; safe twice."""
        self.file.close()


def parse_count(text: bytes) -> float | None:
    """A number as programs print it, not below zero; None: it is none, or cannot be counted with.

    Args:
        text: the whole content of a file.
    """
    found = _COUNT.fullmatch(text.strip())
    if found is None or len(text) >= _MOST_BYTES:
        return None
    value = float(text)
    if value >= 2**1023:  # so that a sum of two is a number
        return None
    return int(text) if found[1] is None and found[2] is None else value
