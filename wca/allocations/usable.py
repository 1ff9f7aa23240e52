"""Whether a value can be granted at all, on whatever machine. Pure."""

from typing import Any

from wca.allocations.encoding import Machine
from wca.allocations.knobs import knob_of
from wca.allocators.api import AllocationType
from wca.errors import NotAvailable, ValidationError

__all__ = ["value_problem"]

#: More than any machine has.
_CPUS, _NODES = 1 << 16, 1 << 10


def value_problem(type_: AllocationType, value: Any, shares_unit: int = 1000) -> str:
    """Why no kernel takes a value, in a sentence; empty: one may.

    Args:
        type_: of allocation; of one that is no file nothing is known here.
        value: that is to be granted.
        shares_unit: see ``Machine``.
    """
    machine = Machine(_CPUS, shares_unit=shares_unit, nodes=_NODES)
    problems = []
    for version in (1, 2):
        try:
            knob_of(type_, version).encode(value, machine)
        except NotAvailable:
            continue
        except ValidationError as error:
            problems.append(str(error))
        else:
            return ""
    return problems[0] if problems else ""
