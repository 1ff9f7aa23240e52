"""A folder of recorded episodes: what is done, what is next, and what was rejected."""

import json
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.detection.programs import UnusableError

__all__ = ["Corpus", "Recorded", "packed", "read_latencies"]

_STATE = "state.json"
_VERSION = 1


@dataclass(frozen=True)
class Recorded:
    """A finished episode.

    Args:
        name: in the plan.
        recording: its file.
        labels: content of its labels file.
    """

    name: str
    recording: Path
    labels: dict[str, Any]

    @property
    def label(self) -> dict[str, Any]:
        """Of the one episode in it."""
        return self.labels["episodes"][0]

    @property
    def measured(self) -> dict[str, Any]:
        """What the harness has measured itself."""
        return self.labels["measured"]


class Corpus:
    """Episodes on the disk; an episode is there as a whole or not at all.

    Args:
        folder: made when it is not there.
        plan: what the plan was drawn from; None: that of the corpus.

    Raises:
        UnusableError: the folder has episodes of another plan, or none at all without a plan.
    """

    def __init__(self, folder: Path, plan: dict[str, Any] | None = None) -> None:
        self.folder = folder
        path = folder / _STATE
        if path.exists():
            self._state = json.loads(path.read_text())
        elif plan is None:
            raise UnusableError(f"{folder} is no corpus: there is no {_STATE} in it")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._state = {"version": _VERSION, "plan": plan, "rejected": []}
            self._save()
        if self._state.get("version") != _VERSION:
            raise UnusableError(
                f"{path} has version {self._state.get('version')}, expected {_VERSION}"
            )
        if plan is not None and not _agree(plan, self._state["plan"]):
            raise UnusableError(
                f"{folder} was begun with {self._state['plan']}, now it is {plan}: "
                "name another folder, or the same options"
            )

    @property
    def rejected(self) -> list[dict[str, Any]]:
        """Attempts that did not count, with the reason."""
        return list(self._state["rejected"])

    def has(self, name: str) -> bool:
        """Whether the episode is finished."""
        files = (self.folder / f"{name}.{suffix}" for suffix in ("json", "wcar", "latencies"))
        return all(file.exists() for file in files)

    def reject(self, name: str, kind: str, reason: str) -> None:
        """Count an attempt that is to be made again."""
        self._state["rejected"].append({"name": name, "kind": kind, "reason": reason})
        self._save()

    def partial(self, name: str) -> Path:
        """Where the recording of an attempt goes, as long as it may be rejected."""
        return self.folder / f"{name}.part"

    def add(
        self, name: str, labels: dict[str, Any], latencies: Sequence[tuple[float, float]]
    ) -> None:
        """Keep an attempt: its labels come last, and make it a finished episode."""
        _write(self.folder / f"{name}.latencies", packed(latencies))
        os.replace(self.partial(name), self.folder / f"{name}.wcar")
        _write(self.folder / f"{name}.json", json.dumps(labels, indent=1).encode())

    def __iter__(self) -> Iterator[Recorded]:
        """Finished episodes in the order of the plan, which is that of the time."""
        for path in sorted(self.folder.glob("[0-9]*.json")):
            if not self.has(path.stem):
                continue
            labels = json.loads(path.read_text())
            yield Recorded(path.stem, path.with_suffix(".wcar"), labels)

    def _save(self) -> None:
        _write(self.folder / _STATE, json.dumps(self._state, indent=1).encode())


def _agree(plan: dict[str, Any], begun: dict[str, Any]) -> bool:
    """Whether two plans are the same in all that both tell: earlier ones told less."""
    return all(plan[key] == begun[key] for key in plan.keys() & begun.keys())


def read_latencies(path: Path) -> list[tuple[float, float]]:
    """The requests of an episode: Unix time at which each was to be sent, and its latency."""
    content = zlib.decompress(path.read_bytes())
    (first,) = struct.unpack_from("=d", content)
    pairs = struct.iter_unpack("=II", content[8:])
    found, at = [], first
    for gap, late in pairs:
        at += gap / 1e6
        found.append((at, late / 1e6))
    return found


def packed(latencies: Sequence[tuple[float, float]]) -> bytes:
    """What ``read_latencies`` reads: microseconds to the next request and of each latency."""
    first = latencies[0][0] if latencies else 0.0
    content, micros = [struct.pack("=d", first)], 0
    for at, late in latencies:
        now = round(1e6 * (at - first))
        content.append(struct.pack("=II", now - micros, min(round(1e6 * late), 2**32 - 1)))
        micros = now
    return zlib.compress(b"".join(content), 9)


def _write(path: Path, content: bytes) -> None:
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
