"""What is in force after the records of a journal, one after the other. Pure: no file, no clock."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from wca.allocations.api import APPLIED, UNKNOWN, Entry, JournalError, Write
from wca.allocations.records import VERSION
from wca.allocations.values import key_of, same_value

__all__ = ["Key", "Ledger", "key_of_write", "record_of_entry"]

#: A file, and the device or resource in it.
Key = tuple[str, str]

_FIELDS = {field.name for field in fields(Entry)}


def key_of_write(write: Write) -> Key:
    """What an entry is known by."""
    return write.path, key_of(write.new)


def record_of_entry(key: Key, entry: Entry) -> dict[str, Any]:
    """The record that holds an entry as a whole."""
    return {"kind": "entry", "key": key, **asdict(entry)}


class Ledger:
    """The entries in force, by what they are about, in the order of their first write."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        #: Identifies the boot of the machine in which the entries were made; None: not said.
        self.boot: str | None = None
        #: Records that have no sense here.
        self.strange = 0

    def apply(self, record: Mapping[str, Any]) -> None:
        """Take a record in.

        Raises:
            JournalError: a later version has written it.
        """
        try:
            self._apply(record)
        except (KeyError, TypeError, ValueError, AttributeError):
            self.strange += 1

    def _apply(self, record: Mapping[str, Any]) -> None:
        kind = record["kind"]
        if kind == "journal":
            if record["version"] > VERSION:
                raise JournalError(
                    f"it was written by a later version of wca (format {record['version']}, this "
                    f"one knows {VERSION}): use that version, or undo with it and remove the file"
                )
            self.boot = record["boot"]
        elif kind == "renew":
            expires = float(record["expires"])
            self.entries = {
                key: entry if entry.undoing else replace(entry, expires=expires)
                for key, entry in self.entries.items()
            }
        else:
            path, part = record["key"]
            self._one(kind, (str(path), str(part)), record)

    def _one(self, kind: str, key: Key, record: Mapping[str, Any]) -> None:
        if kind in ("entry", "intend"):
            entry = _entry(record)
            known = self.entries.get(key)
            if kind == "intend" and known is not None and known.cgroup == entry.cgroup:
                entry = _changed_again(known, entry)
            elif kind == "intend":
                # A group that was made anew: what was done to the one before is gone with it.
                self.entries.pop(key, None)
            self.entries[key] = entry
        elif key not in self.entries:  # undone in the meantime
            return
        elif kind == "settle":
            self.entries[key] = _settled(self.entries[key], record)
            if _is_over(self.entries[key]):
                del self.entries[key]
        elif kind == "undoing":
            self.entries[key] = replace(self.entries[key], undoing=True)
        elif kind == "undone":
            entry = self.entries.pop(key)
            if record.get("keep") and entry.pending:
                self.entries[key] = replace(entry, settled=(), implied=False)
        else:
            self.strange += 1


def _settled(entry: Entry, record: Mapping[str, Any]) -> Entry:
    new, outcome, seen = str(record["new"]), record["outcome"], record.get("seen")
    if outcome == UNKNOWN:
        return entry
    settled, implied = entry.settled, entry.implied
    pending = tuple(value for value in entry.pending if value != new)
    if outcome == APPLIED:
        settled = (new,) if seen in (None, new) else (new, str(seen))
        implied = bool(record.get("implied"))
        if implied:  # it comes about with the next write; until then what we wrote before is there
            settled = tuple(dict.fromkeys((*settled, *entry.settled)))
    last = [entry.ours, *settled[:1], *pending][-1]
    return replace(entry, ours=last, settled=settled, pending=pending, implied=implied)


def _is_over(entry: Entry) -> bool:
    """Whether nothing of ours is there, or the original value is again."""
    if entry.pending or (entry.implied and entry.settled):  # a weight is lost even if it was 3
        return False
    return all(same_value(value, entry.original, entry.path) for value in entry.settled)


def _changed_again(known: Entry, entry: Entry) -> Entry:
    """The first original stays, and the values that may be there until it is settled."""
    return replace(
        entry,
        original=known.original,
        since=known.since,
        settled=known.settled,
        pending=tuple(dict.fromkeys([*known.pending, entry.ours])),
        implied=known.implied or entry.implied,
    )


def _entry(record: Mapping[str, Any]) -> Entry:
    given = {name: record[name] for name in _FIELDS if name in record}
    folder, inode = given["cgroup"]
    given["cgroup"] = (str(folder), int(inode))
    for name in ("settled", "pending"):
        given[name] = tuple(map(str, given[name]))
    for name in ("path", "original", "ours"):
        if not isinstance(given[name], str):
            raise TypeError(name)
    given["expires"] = float(given["expires"])
    return Entry(**given)
