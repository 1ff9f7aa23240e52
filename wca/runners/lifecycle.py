"""Starting components in order and closing them in reverse, each with its optional abilities.

What is started once stays through a change of the configuration, for as long as it is asked for:
``renew`` begins such a change, whatever is started or used after that belongs to the new
configuration, and ``close_unused`` closes the rest.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from wca.abilities import ability
from wca.clock import Clock
from wca.errors import PLUGIN_ERRORS, StartError

__all__ = ["Lifecycle", "with_inner"]

log = logging.getLogger(__name__)

#: Seconds for closing what stands in the way of what is to be started.
_ROOM = 0.8

_Close = Callable[[float], None]


@dataclass(eq=False)
class _Entry:
    """One thing to be done at the end.

    Args:
        name: for messages.
        owner: for whom it is done; None: for nobody, it is done at the very end only.
        group: of what it is a part; None: it stands for itself.
        own: whether its owner does it, which is left to whom it is inside of, if it is.
        flush: hands on what is held.
        close: closes it.
        used: whether it belongs to the configuration of now.
    """

    name: str
    owner: object = None
    group: str | None = None
    own: bool = False
    flush: _Close | None = None
    close: _Close | None = None
    used: bool = True


class Lifecycle:
    """What has been started and must be closed, last first.

    Args:
        clock: for the time that is left for closing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[_Entry] = []
        self._group: str | None = None
        self._stays: Callable[[object], bool] = lambda _component: True
        #: Components that were closed since the last ``renew``.
        self._closed: list[object] = []

    def start(self, component: object, name: str) -> None:
        """Start a component, once however often it is given, and remember to close it.

        Raises:
            StartError: it cannot start.
        """
        if self.use(component):
            return
        running = self._running()
        self._make_room(component, running)
        close = ability(component, "close")
        self._entries.append(_Entry(name, component, self._group, own=True, close=close))
        start = ability(component, "start")
        if start is None or any(one is component for one in running):
            return
        with _left(component, lambda one: any(one is known for known in running)):
            try:
                start()
            except StartError:
                raise
            except PLUGIN_ERRORS as error:
                raise StartError(f"{name} cannot start: {error}") from error

    def before_close(
        self, name: str, flush: _Close, owner: object = None, *, own: bool = False
    ) -> None:
        """Remember what has to hand on what it holds before anything is closed.

        Args:
            name: for messages.
            flush: hands it on.
            owner: a component for which it is done, together with closing it.
            own: whether the component does it.
        """
        self._entries.append(_Entry(name, owner, self._group, own=own, flush=flush))

    def on_close(self, name: str, close: _Close, owner: object = None) -> None:
        """Remember one more thing to close; parameters as above."""
        self._entries.append(_Entry(name, owner, self._group, close=close))

    @contextmanager
    def group(self, name: str) -> Iterator[None]:
        """All that is started and remembered in the block is used and ended together."""
        before, self._group = self._group, name
        try:
            yield
        finally:
            self._group = before

    def renew(self, stays: Callable[[object], bool]) -> None:
        """Another configuration begins: nothing is used until it is started or used again.

        Args:
            stays: whether a component is one of that configuration.
        """
        self._stays = stays
        self._closed.clear()
        for one in self._entries:
            one.used = False

    def use(self, owner: object) -> bool:
        """Go on with what this one has to be closed with; False where there is nothing."""
        return self._take([one for one in self._entries if one.owner is owner])

    def use_group(self, name: str) -> None:
        """Go on with a group."""
        self._take([one for one in self._entries if one.group == name])

    def end_group(self, name: str) -> None:
        """Close a group now."""
        self._end([one for one in self._entries if one.group == name], _ROOM)

    def end(self, owner: object) -> None:
        """Close what is this one's now."""
        self._end([one for one in self._entries if one.owner is owner], _ROOM)

    def close_unused(self, budget: float) -> None:
        """Close what the configuration of now does not use; ``budget`` in seconds."""
        unused = [one for one in self._entries if not one.used and (one.owner or one.group)]
        self._end(unused, budget)

    def knows(self, owner: object) -> bool:
        """Whether there is something to close of this one."""
        return any(one.owner is owner for one in self._entries)

    def works(self, component: object) -> bool:
        """Whether a component has not been closed since the last ``renew``."""
        return not any(one is component for one in self._closed)

    @property
    def open(self) -> bool:
        """Whether something is left to close."""
        return bool(self._entries)

    def close(self, budget: float) -> None:
        """Flush, then close everything, each in reverse order.

        One that fails does not keep the others open.

        Args:
            budget: seconds for all of it.
        """
        end = self._clock.monotonic() + budget
        while self.open:
            flushers = [one for one in self._entries if one.flush is not None]
            entry = (flushers or self._entries)[-1]
            self._entries.remove(entry)
            self._call(entry, end)

    def _take(self, entries: list[_Entry]) -> bool:
        """Use entries; what is closed in reverse is the order of now, not of their start."""
        for one in entries:
            one.used = True
            self._entries.remove(one)
            self._entries.append(one)
        return bool(entries)

    def _running(self) -> list[object]:
        """All components that have been started, with those inside them."""
        return list(with_inner(one.owner for one in self._entries if one.own))

    def _make_room(self, component: object, running: list[object]) -> None:
        """Close those that hold what this one needs and that are not to stay."""
        wanted = _holds(with_inner([component])) - _holds(
            one for one in running if self._stays(one)
        )
        for entry in [one for one in self._entries if one.own] if wanted else ():
            if not self._stays(entry.owner) and wanted & _holds(with_inner([entry.owner])):
                self.end(entry.owner)

    def _end(self, entries: list[_Entry], budget: float) -> None:
        """Flush and close some, but for components that are inside others that stay."""
        going = {id(one) for one in entries}
        self._entries = [one for one in self._entries if id(one) not in going]
        staying = [one for one in self._running() if self._stays(one)]
        staying += with_inner(one.owner for one in self._entries if one.own and one.used)

        def stays(component: object) -> bool:
            return any(one is component for one in staying)

        end = self._clock.monotonic() + budget
        left = [one for one in entries if not (one.own and stays(one.owner))]
        ended = [one.owner for one in left if one.own]
        self._closed += [one for one in with_inner(ended) if not stays(one)]
        for kind in ("flush", "close"):
            for entry in reversed([one for one in left if getattr(one, kind) is not None]):
                with _left(entry.owner, stays):
                    self._call(entry, end)

    def _call(self, entry: _Entry, end: float) -> None:
        call = entry.flush or entry.close
        if call is None:
            return
        try:
            call(max(0.0, end - self._clock.monotonic()))
        except PLUGIN_ERRORS as error:
            log.error("%s did not close: %s", entry.name, error)  # noqa: TRY400 - one sentence
            log.debug("%s did not close", entry.name, exc_info=error)


def with_inner(components: Iterable[object]) -> Iterator[object]:
    """Components with those that they pass metrics on to, at any depth, each once."""
    seen: set[int] = set()
    waiting = list(components)[::-1]
    while waiting:
        component = waiting.pop()
        if id(component) in seen:
            continue
        seen.add(id(component))
        yield component
        inner = getattr(component, "storages", None)
        if isinstance(inner, (list, tuple)):
            waiting += inner[::-1]


def _holds(components: Iterable[object]) -> set[str]:
    """Names of what only one of all components can have."""
    held: set[str] = set()
    for one in components:
        names = getattr(one, "holds", None)
        if isinstance(names, (set, frozenset)):
            held |= names
    return held


@contextmanager
def _left(component: Any, to_others: Callable[[object], bool]) -> Iterator[None]:
    """Let a component that can do so leave some of those inside it to others, in the block."""
    if not getattr(type(component), "hands_over", False):
        yield
        return
    component.leave(to_others)
    try:
        yield
    finally:
        component.leave(lambda _one: False)
