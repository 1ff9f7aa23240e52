"""What requests of one interval, taken together, may not do. Pure."""

from collections.abc import Mapping

__all__ = ["Claims", "too_many"]


class Claims:
    """Who says what a row of a group is: of two that differ, the first one has it."""

    def __init__(self) -> None:
        self._claims: dict[str, tuple[str, str]] = {}

    def add(self, rows: Mapping[str, str], who: str) -> str | None:
        """Claim rows.

        Args:
            rows: what is to be in them, by path.
            who: says so.

        Returns:
            Who says something else about one of them: then none is claimed; None: nobody.
        """
        for path, text in rows.items():
            said, other = self._claims.get(path, (text, who))
            if said != text and other != who:
                return other
        for path, text in rows.items():
            self._claims.setdefault(path, (text, who))
        return None


def too_many(
    current: Mapping[str, str], wanted: Mapping[str, str], others: frozenset[str], most: int
) -> set[str]:
    """Tasks that cannot have the group they want, because there would be too many groups.

    What counts is what there would be in the end: a group that nobody is in any more does not. Who
    is refused stays where it is; the last ones are refused first.

    Args:
        current: groups of ours by the task that is in them.
        wanted: groups by the task that asks for them, in the order in which they ask.
        others: groups that stay, whatever is done, the root group among them.
        most: groups that there can be.
    """
    refused: set[str] = set()
    there = others | set(current.values())
    news = [task for task, group in wanted.items() if group not in there]
    while True:
        granted = {task: group for task, group in wanted.items() if task not in refused}
        if len(others | {*(dict(current) | granted).values()}) <= most or not news:
            return refused
        group = wanted[news.pop()]
        refused |= {task for task, one in wanted.items() if one == group}
        news = [task for task in news if task not in refused]
