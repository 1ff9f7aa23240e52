"""How much a batch is, as a storage passes it on."""

from dataclasses import dataclass

__all__ = ["Weight"]


@dataclass(frozen=True, slots=True)
class Weight:
    """A batch on its way out, weighed and not sent.

    Args:
        samples: how many are in it.
        size: bytes, compressed where the storage does that.
        form: what it is, for people: ``Prometheus text``.
        fetched: whether it goes out only when somebody asks for it, as a page does.
        loads: modules that are imported when it goes out: they are in the memory of an agent.
    """

    samples: int
    size: int
    form: str
    fetched: bool = False
    loads: tuple[str, ...] = ()
