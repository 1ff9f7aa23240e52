"""How much a request is, as each type of which a bound holds for it. Pure."""

import functools
from collections.abc import Sequence

from wca.allocations.changes import Change
from wca.allocations.encoding import Machine, Texts
from wca.allocations.envelope import Measure
from wca.allocations.groups import Place
from wca.allocations.idle import AFTER_IDLE, LEAST_WEIGHT, weight_file
from wca.allocations.knobs import Knob, knob_of
from wca.allocators.api import AllocationType
from wca.errors import ValidationError
from wca.linux.parse import Malformed

__all__ = ["measures"]

_T = AllocationType
_WEIGHTS = (_T.SHARES, _T.CPU_WEIGHT)
#: Switches: a bound of theirs is 0 or 1 of how much the task gets, not a value.
_SWITCHES = (_T.CPU_IDLE, _T.CPUSET_MEMORY_MIGRATE)


def measures(
    place: Place, texts: Texts, changes: Sequence[Change], machine: Machine
) -> list[Measure]:
    """How much it is as its own type, and as the others that are in the same file.

    Args:
        place: where it is.
        texts: what is to be in its files.
        changes: of all files.
        machine: what its values are relative to.
    """
    knob = place.knob
    found = [_measure(knob, texts, machine)]
    if knob.type is _T.CPU_IDLE:
        name = weight_file(place.version)
        changed = [one.new for one in changes if one.path.endswith(f"/{name}")]
        texts = (LEAST_WEIGHT[name] if texts == ("1",) else (*changed, AFTER_IDLE[name])[0],)
    elif knob.type not in _WEIGHTS:
        return found
    others = [knob_of(one, place.version) for one in _WEIGHTS if one is not knob.type]
    return [*found, *(_measure(one, texts, machine) for one in others)]


def _measure(knob: Knob, texts: Texts, machine: Machine) -> Measure:
    amount = knob.amount(knob.decode(texts, machine))
    return Measure(knob.type, amount, functools.partial(_rounded, knob, machine))


def _rounded(knob: Knob, machine: Machine, bound: float) -> float:
    """A bound as the kernel has it; one that is no value stays as it is."""
    if knob.type in _SWITCHES:
        return bound
    try:
        return knob.amount(knob.decode(knob.encode(bound, machine), machine))
    except (ValidationError, Malformed):
        return bound
