"""A strict checker of OpenMetrics text 1.0.

It reports what parsers let pass: series that occur twice, families that are split, headers in
another order, names that stand for two things.
"""

import re

__all__ = ["check_openmetrics"]

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_PAIR = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_NUMBER = r"(?:[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|NaN|[+-]Inf)"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_PAIR}(?:,{_PAIR})*)\}})? ({_NUMBER})")
_COMMENT = re.compile(rf"# (TYPE|UNIT|HELP) ({_NAME}) (.*)")
_ORDER = ("TYPE", "UNIT", "HELP")
#: Suffixes of the samples of each type.
_SUFFIXES = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "info": ("_info",),
    "unknown": ("",),
}


def check_openmetrics(text: str) -> list[str]:
    """Check a whole exposition of counters, gauges, infos and unknown metrics without timestamps.

    Args:
        text: what a scrape contains.

    Returns:
        One sentence for each violation; empty for a valid text.
    """
    if not text.endswith("# EOF\n"):
        return ["the text does not end with # EOF and a newline"]
    checker = _Checker()
    for number, line in enumerate(text.removesuffix("# EOF\n").split("\n")[:-1], start=1):
        checker.problems += [f"line {number}: {problem}" for problem in checker.check(line)]
    return checker.problems + checker.clashes()


class _Checker:
    def __init__(self) -> None:
        self.problems: list[str] = []
        self._family = ""
        self._types: dict[str, str] = {}
        self._headers: list[str] = []
        self._sampled = False
        self._series: set[tuple[str, frozenset[str]]] = set()
        self._groups: list[frozenset[str]] = []

    def check(self, line: str) -> list[str]:
        comment, sample = _COMMENT.fullmatch(line), _SAMPLE.fullmatch(line)
        if comment:
            return self._check_comment(*comment.groups())
        if sample:
            return self._check_sample(line, *sample.groups())
        return [f"neither a header nor a sample: {line!r}"]

    def clashes(self) -> list[str]:
        """Names that two families have."""
        owners: dict[str, str] = {}
        problems = []
        for family, type_ in self._types.items():
            for name in {family, *(family + suffix for suffix in _SUFFIXES.get(type_, ()))}:
                if name in owners:
                    problems.append(f"{name} belongs to {owners[name]} and to {family}")
                owners[name] = family
        return problems

    def _check_comment(self, kind: str, family: str, text: str) -> list[str]:
        problems = self._enter(family) if family != self._family else []
        if self._sampled:
            problems.append(f"{kind} of {family} follows its first sample")
        if kind in self._headers or [*self._headers, kind] != sorted(
            [*self._headers, kind], key=_ORDER.index
        ):
            problems.append(f"{kind} of {family} is not in the order TYPE, UNIT, HELP")
        self._headers.append(kind)
        check = {"TYPE": self._check_type, "UNIT": self._check_unit, "HELP": _check_help}[kind]
        return problems + check(family, text)

    def _enter(self, family: str) -> list[str]:
        problems = [f"family {family} is split"] if family in self._types else []
        self._family, self._headers, self._sampled, self._groups = family, [], False, []
        self._types[family] = "unknown"
        return problems

    def _check_type(self, family: str, text: str) -> list[str]:
        self._types[family] = text
        return [] if text in _SUFFIXES else [f"{text!r} is no type"]

    def _check_unit(self, family: str, text: str) -> list[str]:
        if self._types[family] == "info":
            return [f"the info {family} has a unit"]
        return [] if family.endswith(f"_{text}") else [f"{family} does not end in its unit {text}"]

    def _check_sample(self, line: str, name: str, labels: str | None, value: str) -> list[str]:
        type_ = self._types.get(self._family, "unknown")
        if name not in [self._family + suffix for suffix in _SUFFIXES.get(type_, ())]:
            return [f"{name} is no sample of the {type_} {self._family}"]
        problems = []
        pairs = re.findall(_PAIR, labels or "")
        # A label with an empty value is the same as no label.
        group = frozenset(pair for pair in pairs if not pair.endswith('=""'))
        if (name, group) in self._series:
            problems.append(f"the series occurs twice: {line}")
        self._series.add((name, group))
        if group in self._groups[:-1]:
            problems.append(f"the samples of one metric do not follow each other: {line}")
        self._groups += [] if self._groups[-1:] == [group] else [group]
        self._sampled = True
        if type_ == "info" and float(value) != 1:
            problems.append(f"the info is not 1: {line}")
        if type_ == "counter" and not float(value) >= 0:
            problems.append(f"the counter is not a number from 0 on: {line}")
        names = [pair.partition("=")[0] for pair in pairs]
        if len(set(names)) < len(names) or any(label.startswith("__") for label in names):
            problems.append(f"a label name occurs twice or is reserved: {line}")
        return problems


def _check_help(family: str, text: str) -> list[str]:
    if re.search(r'\\(?![\\n"])|"', re.sub(r"\\[\\n\"]", "", text)):
        return [f"HELP of {family} has a backslash or a quotation mark that is not escaped"]
    return []
