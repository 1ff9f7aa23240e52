"""What is sent: messages, encoded and ready, and what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Outcome", "Parcel", "Refused", "Target", "Unavailable", "check_outcomes"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message to a target.

    Args:
        body: the message as it is sent, compressed where the target takes that.
        samples: how many samples are in it.
        created: Unix time of the samples in seconds.
        supersedes: names what this message is the newest state of: once a later parcel of the same
            name waits, this one says nothing that the later one does not, as with counters that
            only grow, or with a target that keeps no history. Empty: it stands for itself.
        kind: what the body is, where a run with another configuration has made it. Empty: what the
            storage makes now.
    """

    body: bytes
    samples: int
    created: float
    supersedes: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The target will never accept this parcel: it is given up, with the reason in the log.

    Args:
        reason: a sentence for the log.
        samples: how many of its samples were refused; None: all. The others count as delivered.
        label: the reason as a value of a label.
    """

    reason: str
    samples: int | None = None
    label: str = "refused"

    def lost(self, parcel: Parcel) -> int:
        """How many samples of a parcel were refused."""
        if self.samples is None:
            return parcel.samples
        return min(max(0, self.samples), parcel.samples)


class Unavailable(Exception):  # noqa: N818 - a state that passes
    """The target cannot be reached, or cannot take anything now: the parcel stays, and is retried.

    Raised by ``Target.open`` and ``Target.send``, or an outcome of a single parcel.

    Args:
        reason: a sentence for the log.
        retry_after: seconds that the target asks to be left alone; None: it did not say.
        suspect: the target has answered, and the reason may lie in this parcel: it is given up when
            it fails again and again while those beside it are accepted.
    """

    def __init__(
        self, reason: str, retry_after: float | None = None, *, suspect: bool = False
    ) -> None:
        self.reason = reason
        self.retry_after = None if retry_after is None else float(retry_after)
        self.suspect = suspect
        super().__init__(reason)


#: What became of one parcel; None: the target has accepted it.
Outcome = Refused | Unavailable | None


def check_outcomes(outcomes: Sequence[Outcome], parcels: Sequence[Parcel]) -> None:
    """Make sure that a target has said of each parcel what became of it.

    Raises:
        ValueError: it has said something else.
    """
    if len(outcomes) != len(parcels):
        raise ValueError(f"{len(outcomes)} outcomes of {len(parcels)} messages")
    for one in outcomes:
        if one is not None and not isinstance(one, (Refused, Unavailable)):
            raise ValueError(f"{one!r} is no outcome: return None, Refused or Unavailable")


class Target(Protocol):
    """Where parcels go. Constructing one opens nothing; one thread at a time calls its methods.

    Optional ability, found by name: ``understands(kind)`` says whether it can send what a run with
    another configuration has left in the spool, as what it is. Without it such parcels are dropped.
    Optional attribute: ``loads`` names the modules that ``open`` imports, for ``wca plan``.
    """

    @property
    def window(self) -> int:
        """How many parcels ``send`` takes at once, at most."""

    def open(self, timeout: float) -> None:
        """Connect, where that is a step of its own.

        Called before the first ``send``, and again after one that raised ``Unavailable``.

        Args:
            timeout: seconds it may take.

        Raises:
            Unavailable: there is no target now.
        """

    def send(self, parcels: Sequence[Parcel], timeout: float) -> Sequence[Outcome]:
        """Send parcels and wait for what becomes of them.

        Args:
            parcels: at least one, at most ``window``, in their order.
            timeout: seconds it may take.

        Returns:
            One outcome for each, in their order.

        Raises:
            Unavailable: nothing can be said of any of them; they are sent again.
        """

    def close(self, timeout: float) -> None:
        """Give back what ``open`` and ``send`` took, within seconds; safe twice."""
