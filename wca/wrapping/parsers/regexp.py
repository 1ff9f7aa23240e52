"""``RegexpParser``: whatever a regular expression finds."""

import logging
from collections.abc import Sequence

from wca.errors import ValidationError
from wca.metrics import Metric
from wca.metrics.patterns import compile_pattern
from wca.wrapping.api import Parser
from wca.wrapping.parsers.numbers import NUMBER, to_number

__all__ = ["DEFAULT_REGEXP", "RegexpParser"]

log = logging.getLogger(__name__)

#: ``name=value``. A word is begun once only: output may be one word of many kilobytes.
DEFAULT_REGEXP = rf"\b(?P<name>[a-zA-Z_]\w*)=(?P<value>{NUMBER})"
#: Characters of a block that are looked at.
_LONGEST_BLOCK = 1 << 20


class RegexpParser(Parser):
    """Makes a metric of each match.

    Args:
        regexp: with the groups ``name`` and ``value``.
        separator: matches the line that ends a block, which is then searched as a whole; None:
            each line is searched by itself.

    Raises:
        ValidationError: an expression is none, or a group is missing.
    """

    def __init__(self, regexp: str = DEFAULT_REGEXP, separator: str | None = None) -> None:
        self._pattern = compile_pattern(regexp, "regexp")
        missing = [one for one in ("name", "value") if one not in self._pattern.groupindex]
        if missing:
            raise ValidationError(
                f"regexp: {regexp!r} has no group {' and no group '.join(missing)}: write "
                "(?P<name>...) and (?P<value>...)"
            )
        self._separator = None if separator is None else compile_pattern(separator, "separator")
        self._block: list[str] = []
        self._length = 0
        self._said = False

    def feed(self, line: str) -> Sequence[Metric]:
        """Search a line, or keep it until its block is complete."""
        if self._separator is None:
            return self._search(line)
        if self._separator.search(line):
            return self.end()
        if self._length < _LONGEST_BLOCK:
            self._block.append(line)
            self._length += len(line) + 1
        return []

    def end(self) -> Sequence[Metric]:
        """Search the block."""
        block, self._block, self._length = "\n".join(self._block), [], 0
        return self._search(block) if block else []

    def _search(self, text: str) -> list[Metric]:
        metrics = []
        for match in self._pattern.finditer(text):
            name, value = match["name"], to_number(match["value"] or "")
            if name and value is not None:
                metrics.append(Metric(name, value))
            elif not self._said:
                self._said = True
                log.warning("the regexp has found %r, whose value is no number", match[0][:80])
        return metrics
