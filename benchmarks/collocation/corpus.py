"""A folder of runs: results as lines of JSON, every request, and what agents have learned."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.detection.corpus import packed
from benchmarks.detection.programs import UnusableError

__all__ = ["Runs"]

_RESULTS, _REJECTED, _PLAN = "results.jsonl", "rejected.jsonl", "plan.json"
_SCENARIOS = "scenarios"


class Runs:
    """Runs on the disk; a run is there when its line is.

    Args:
        folder: made when it is not there.
        plan: what has to be the same when it goes on; None: that of the folder.

    Raises:
        UnusableError: the folder has runs of another plan, or none at all without a plan.
    """

    def __init__(self, folder: Path, plan: dict[str, Any] | None = None) -> None:
        self.folder = folder
        path = folder / _PLAN
        if plan is None and not path.exists():
            raise UnusableError(f"{folder} has no runs: there is no {_PLAN} in it")
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _write_plan(path, {**plan, _SCENARIOS: {}})
        begun = json.loads(path.read_text())
        told = {key: value for key, value in begun.items() if key != _SCENARIOS}
        if plan is not None and plan != told:
            changed = sorted(key for key in plan | told if plan.get(key) != told.get(key))
            raise UnusableError(
                f"{folder} was begun with another {', '.join(changed)}: "
                "name another folder, or the same options"
            )
        self._begun = begun
        self.results: list[dict[str, Any]] = _read(folder / _RESULTS)
        self.rejected: list[dict[str, Any]] = _read(folder / _REJECTED)

    def uses(self, name: str, scenario: str) -> None:
        """A scenario is about to be run: it has to be what it was when its first run was made.

        Args:
            name: of the scenario.
            scenario: all of it, as text.

        Raises:
            UnusableError: it is another one now.
        """
        known = self._begun[_SCENARIOS]
        if known.setdefault(name, scenario) != scenario:
            raise UnusableError(
                f"{self.folder} was begun with another scenario {name}: name another folder"
            )
        _write_plan(self.folder / _PLAN, self._begun)

    def has(self, name: str) -> bool:
        """Whether the run is finished."""
        return any(one["name"] == name for one in self.results)

    def quiet(self, scenario: str, piece: int) -> Path:
        """A recording of the quiet time of a scenario."""
        return self.folder / f"quiet-{scenario.replace(' ', '-')}-{piece}.wcar"

    def recordings(self, scenario: str) -> list[Path]:
        """All of them."""
        return sorted(self.folder.glob(self.quiet(scenario, 0).name.replace("-0.", "-*.")))

    def reject(self, name: str, reason: str) -> None:
        """Count an attempt that is to be made again."""
        self.rejected.append({"name": name, "reason": reason})
        _append(self.folder / _REJECTED, self.rejected[-1])

    def add(self, result: dict[str, Any], latencies: Sequence[tuple[float, float]]) -> None:
        """Keep a run: its line comes last, and makes it a finished one."""
        (self.folder / f"{result['name']}.latencies").write_bytes(packed(latencies))
        self.results.append(result)
        _append(self.folder / _RESULTS, result)


def _read(path: Path) -> list[dict[str, Any]]:
    """Whole lines; one that a killed run has left unfinished goes."""
    if not path.exists():
        return []
    whole = path.read_bytes()
    whole, _, rest = whole.rpartition(b"\n")
    if rest:
        path.write_bytes(whole + b"\n" if whole else b"")
    return [json.loads(line) for line in whole.splitlines()]


def _write_plan(path: Path, plan: dict[str, Any]) -> None:
    path.write_text(json.dumps(plan, indent=1) + "\n")


def _append(path: Path, record: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")
        file.flush()
        os.fsync(file.fileno())
