"""What would be in force by now, had anything been written."""

from collections.abc import Collection

from wca.allocations.request import Request

__all__ = ["Wishes"]


class Wishes:
    """Of a runner without ``act``: there a wish that stands is decided once, too."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}

    def keep(self, task_ids: Collection[str]) -> None:
        """Forget all tasks but these."""
        self._texts = {key: text for key, text in self._texts.items() if key[0] in task_ids}

    def stands(self, request: Request) -> bool:
        """Whether all of a request would be in force already.

        One that asks for what is in force in truth gives back what was wished.
        """
        wished = _texts(request)
        if request.changes:
            return wished.items() <= self._texts.items()
        for key in wished:
            self._texts.pop(key, None)
        return False

    def add(self, request: Request) -> None:
        """It would have been done."""
        self._texts |= _texts(request)


def _texts(request: Request) -> dict[tuple[str, str], str]:
    wanted = request.wanted
    return {(wanted.task_id, one.path): one.new for one in wanted.changes}
