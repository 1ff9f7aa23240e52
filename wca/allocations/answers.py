"""What an allocator has answered: what of it makes sense, and what is wrong with the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wca.detectors.answers import Answer, read_parts

__all__ = ["AllocationAnswer", "read_allocation_answer", "read_reasons"]


@dataclass
class AllocationAnswer(Answer):
    """The sound part of an answer.

    Args:
        allocations: values by type by task id; whether there are such types and tasks is not
            known here.
        reasons: why, in words, by task id and type; what has none is missing.
    """

    allocations: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)


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


def read_reasons(given: object, answer: AllocationAnswer) -> None:
    """Take what makes sense of the reasons of an allocator; never raises.

    Args:
        given: anything.
        answer: takes them, and what is wrong with them.
    """
    if not isinstance(given, Mapping):
        kind = type(given).__name__
        answer.problems.append(f"reasons() gave a {kind}, expected texts by task id and type")
        return
    for key, why in dict(given).items():
        pair = isinstance(key, tuple) and len(key) == 2 and all(isinstance(k, str) for k in key)
        if pair and isinstance(why, str):
            answer.reasons[str(key[0]), str(key[1])] = why
        else:
            answer.problems.append("reasons are texts by task id and type")


def _sound(given: Mapping[Any, Any], problems: list[str]) -> dict[str, Any]:
    found = dict(given)
    problems += [
        f"a {type(type_).__name__} is no allocation type"
        for type_ in found
        if not isinstance(type_, str)
    ]
    return {str(type_): value for type_, value in found.items() if isinstance(type_, str)}
