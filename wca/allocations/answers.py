"""What an allocator has answered: what of it makes sense, and what is wrong with the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wca.detectors.answers import Answer, read_parts

__all__ = ["AllocationAnswer", "read_allocation_answer"]


@dataclass
class AllocationAnswer(Answer):
    """The sound part of an answer.

    Args:
        allocations: values by type by task id; whether there are such types and tasks is not
            known here.
    """

    allocations: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_allocation_answer(given: object) -> AllocationAnswer:
    """Take what makes sense of what ``allocate`` has returned; never raises.

    Args:
        given: anything.
    """
    answer = AllocationAnswer()
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        kind = type(given).__name__
        answer.problems.append(
            f"allocate() gave a {kind}, expected (allocations, anomalies, metrics)"
        )
        return answer
    read_parts(given[1:], "allocate", answer)
    if not isinstance(given[0], Mapping):
        answer.problems.append(
            f"allocate() gave a {type(given[0]).__name__} as allocations, expected a mapping"
        )
        return answer
    for task_id, one in dict(given[0]).items():
        if not isinstance(task_id, str) or not isinstance(one, Mapping):
            answer.problems.append("allocations are mappings of values by type, by task id")
            continue
        answer.allocations[str(task_id)] = _sound(one, answer.problems)
    return answer


def _sound(given: Mapping[Any, Any], problems: list[str]) -> dict[str, Any]:
    found = dict(given)
    problems += [
        f"a {type(type_).__name__} is no allocation type"
        for type_ in found
        if not isinstance(type_, str)
    ]
    return {str(type_): value for type_, value in found.items() if isinstance(type_, str)}
