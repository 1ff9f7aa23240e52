"""Which CPUs are online, asked once per round by all who count on them."""

from wca.collectors.api import NodeTarget
from wca.errors import NotAvailable, TargetGone
from wca.linux.parse import Malformed, parse_cpu_list
from wca.linux.topology import ONLINE_CPUS

__all__ = ["OnlineCpus"]


class OnlineCpus:
    """Keeps the list of CPUs that are online up to date for many probes with one read per round.

    Nobody says when a round begins: whoever asks a second time has begun the next one.

    Args:
        node: what the list is read through.

    Raises:
        NotAvailable: there is no such list here.
        Malformed: it has another form than documented.
    """

    def __init__(self, node: NodeTarget) -> None:
        self._file = node.open(ONLINE_CPUS)
        self._content = self._file.read()
        #: Their numbers, ascending; the same object as long as they are the same.
        self.cpus = tuple(parse_cpu_list(self._content))
        #: How many rounds there were.
        self.round = 0

    def look(self, seen: int) -> int:
        """Look again, unless another has in this round.

        Args:
            seen: the round in which the caller looked last.

        Returns:
            The round of now.
        """
        if seen == self.round:
            self.round += 1
            self._refresh()
        return self.round

    def close(self) -> None:
        """Give back the descriptor; safe twice."""
        self._file.close()

    def _refresh(self) -> None:
        try:
            content = self._file.read()
            if content != self._content:
                self.cpus = tuple(parse_cpu_list(content))
                self._content = content
        except (NotAvailable, TargetGone, Malformed):  # what was known last stays true enough
            return
