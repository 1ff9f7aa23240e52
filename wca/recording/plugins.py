"""Asking a plugin of either kind: a detector or an allocator."""

from wca.abilities import ability
from wca.allocations.answers import AllocationAnswer, read_allocation_answer, read_reasons
from wca.allocators.api import Allocator
from wca.allocators.calling import call_allocate
from wca.detectors.answers import Answer, read_answer
from wca.detectors.api import AnomalyDetector, TasksData
from wca.detectors.calling import call_detect
from wca.platforms.api import Platform

__all__ = ["Plugin", "ask", "method_of"]

#: What is asked once per interval.
Plugin = AnomalyDetector | Allocator


def method_of(plugin: Plugin) -> str:
    """The name of the method that is called."""
    return "allocate" if isinstance(plugin, Allocator) else "detect"


def ask(plugin: Plugin, platform: Platform, tasks: TasksData) -> Answer:
    """What a plugin answers, as far as it makes sense. Raises whatever the plugin does.

    Args:
        plugin: of either kind; the answer of an allocator is an ``AllocationAnswer``.
        platform: the machine and the time.
        tasks: by task id.
    """
    if isinstance(plugin, Allocator):
        answer = read_allocation_answer(call_allocate(plugin, platform, tasks))
        _ask_why(plugin, answer)
        return answer
    return read_answer(call_detect(plugin, platform, tasks))


def _ask_why(allocator: Allocator, answer: AllocationAnswer) -> None:
    """Its reasons, where it has that ability: of the answer that it has just given."""
    reasons = ability(allocator, "reasons")
    if reasons is not None:
        read_reasons(reasons(), answer)
