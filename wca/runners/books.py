"""What became of the samples, storage by storage, as measurements."""

from collections.abc import Iterable, Iterator, Mapping

from wca.errors import PLUGIN_ERRORS
from wca.metrics import Measurements
from wca.naming import named
from wca.storage import Storage
from wca.storage.delivery import Size
from wca.storage.ledger import Ledger, ledger_of

__all__ = ["Books"]


class Books:
    """The ledgers of storages and of those inside them.

    Args:
        ledgers: name to the storage and its books.
    """

    def __init__(self, ledgers: Mapping[str, tuple[Storage, Ledger]]) -> None:
        self._storages: dict[str, tuple[Storage, Ledger]] = {}
        seen: set[int] = set()
        for name, (storage, ledger) in ledgers.items():
            self._storages[name] = storage, ledger
            seen.add(id(storage))
        for name, (storage, _) in ledgers.items():
            for below, child in _inside(name, storage):
                own = ledger_of(child)
                if own is not None and id(child) not in seen:
                    seen.add(id(child))
                    self._storages[below] = child, own

    def measurements(self) -> Measurements:
        """Measurements of the catalogue's names; each ledger balances."""
        accounts = {name: ledger.account for name, (_, ledger) in self._storages.items()}
        damaged = {name: _damaged(storage) for name, (storage, _) in self._storages.items()}
        sizes = {name: _waiting(storage) for name, (storage, _) in self._storages.items()}
        values: Measurements = {
            "wca_collected_samples": {name: one.collected for name, one in accounts.items()},
            "wca_recovered_samples": {name: one.recovered for name, one in accounts.items()},
            "wca_delivered_samples": {name: one.delivered for name, one in accounts.items()},
            "wca_dropped_samples": {
                name: dropped
                for name, (_, ledger) in self._storages.items()
                if (dropped := ledger.dropped)
            },
            "wca_waiting_samples": {name: one.waiting for name, one in accounts.items()},
            "wca_damaged_spools": {name: n for name, n in damaged.items() if n is not None},
            "wca_waiting_bytes": {name: size.bytes for name, size in sizes.items() if size},
            "wca_waiting_since": {
                name: size.oldest
                for name, size in sizes.items()
                if size and size.oldest is not None
            },
        }
        return {name: value for name, value in values.items() if value}


def _inside(name: str, storage: object) -> Iterator[tuple[str, Storage]]:
    """The storages that a storage passes metrics on to, at any depth, by path."""
    children = getattr(storage, "storages", ())
    listed: Iterable[object] = children if isinstance(children, (list, tuple)) else ()
    for own, child in named([one for one in listed if isinstance(one, Storage)]).items():
        path = f"{name}/{own}"
        yield path, child
        yield from _inside(path, child)


def _waiting(storage: object) -> Size | None:
    try:
        size = getattr(storage, "waiting", None)
    except PLUGIN_ERRORS:  # a plugin's own attribute that happens to have the name
        return None
    return size if isinstance(size, Size) else None


def _damaged(storage: object) -> int | None:
    try:
        count = getattr(storage, "damaged_spools", None)
    except PLUGIN_ERRORS:  # as above
        return None
    return count if isinstance(count, int) else None
