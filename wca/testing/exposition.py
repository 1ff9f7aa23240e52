"""A strict checker of Prometheus text 0.0.4.

It reports what parsers let pass: series that occur twice, families that are split, HELP or TYPE
after the first sample.
"""

import re

__all__ = ["check_exposition"]

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_PAIR = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_NUMBER = r"(?:[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|NaN|[+-]Inf)"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_PAIR}(?:,{_PAIR})*)\}})? {_NUMBER}(?: -?[0-9]+)?")
_COMMENT = re.compile(rf"# (HELP|TYPE) ({_NAME}) (.*)")
_TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


def check_exposition(text: str) -> list[str]:
    """Check a whole exposition of counters, gauges and untyped metrics.

    Args:
        text: what a scrape or a text file contains; nothing at all is valid.

    Returns:
        One sentence for each violation, beginning with its line; empty for a valid text.
    """
    if not text:
        return []
    checker = _Checker()
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        checker.problems += [f"line {number}: {problem}" for problem in checker.check(line)]
    if not text.endswith("\n"):
        checker.problems.append("the text does not end with a newline")
    return checker.problems


class _Checker:
    def __init__(self) -> None:
        self.problems: list[str] = []
        self._family = ""
        self._begun: set[str] = set()
        self._comments: set[tuple[str, str]] = set()
        self._sampled: set[str] = set()
        self._series: set[tuple[str, frozenset[str]]] = set()

    def check(self, line: str) -> list[str]:
        if not line:
            return []
        if line.startswith("#"):
            return self._check_comment(line)
        return self._check_sample(line)

    def _check_comment(self, line: str) -> list[str]:
        match = _COMMENT.fullmatch(line)
        if not match:
            return [f"neither HELP nor TYPE: {line}"]
        kind, name, text = match.groups()
        problems = self._enter(name)
        if (kind, name) in self._comments:
            problems.append(f"{kind} of {name} occurs twice")
        if name in self._sampled:
            problems.append(f"{kind} of {name} follows its first sample")
        if kind == "TYPE" and text not in _TYPES:
            problems.append(f"{text!r} is no type")
        if kind == "HELP" and re.search(r"\\(?![\\n])", text.replace(r"\\", "")):
            problems.append(f"HELP of {name} has a backslash that is not escaped")
        self._comments.add((kind, name))
        return problems

    def _check_sample(self, line: str) -> list[str]:
        match = _SAMPLE.fullmatch(line)
        if not match:
            return [f"not a sample: {line}"]
        name, pairs = match.group(1), re.findall(_PAIR, match.group(2) or "")
        problems = self._enter(name)
        names = [pair.partition("=")[0] for pair in pairs]
        if len(set(names)) < len(names):
            problems.append(f"a label name occurs twice: {line}")
        problems += [f"label {label} is reserved" for label in names if label.startswith("__")]
        # A label with an empty value is the same as no label.
        series = name, frozenset(pair for pair in pairs if not pair.endswith('=""'))
        if series in self._series:
            problems.append(f"the series occurs twice: {line}")
        self._series.add(series)
        self._sampled.add(name)
        return problems

    def _enter(self, family: str) -> list[str]:
        if family == self._family:
            return []
        problems = [f"family {family} is split"] if family in self._begun else []
        self._family = family
        self._begun.add(family)
        return problems
