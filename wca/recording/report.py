"""What a detector has found in a recording, as text for people and as plain data."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from wca.recording.findings import Finding
from wca.recording.scoring import KindScore, Score, Share

__all__ = ["findings_text", "score_data", "score_text"]

_FINDING = ("begin", "seconds", "task", "resource", "verdict", "accused", "suspects")
_SCORE = (
    *("kind", "episodes", "found", "verdict right", "mostly right", "blame right", "abstained"),
    *("wrong blame", "seconds to detect"),
)


def findings_text(found: Sequence[Finding]) -> str:
    """One line for each anomaly, below a line of titles."""
    rows = [
        (
            datetime.fromtimestamp(one.begin, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-5],
            f"{one.end - one.begin:.1f}",
            one.task or "the machine",
            one.resource,
            one.verdict or "",
            ", ".join(one.accused) or "nobody",
            ", ".join(f"{each['task_id']} {each['confidence']:.0%}" for each in one.suspects),
        )
        for one in found
    ]
    return _table(_FINDING, rows) if rows else "no anomalies"


def score_text(score: Score) -> str:
    """The table of kinds, and what was said without reason."""
    lines = [_table(_SCORE, [_row(one) for one in score.kinds.values()])] if score.kinds else []
    per_day = score.false_alarms_per_day
    rate = "" if per_day is None else f", {per_day:.1f} for each day of a node"
    lines.append(
        f"false alarms: {len(score.false_alarms)} in {score.quiet_seconds:.0f} s{rate}; "
        f"{score.false_accusations} of them accuse somebody"
    )
    lines.append(f"about another task than the victim: {len(score.elsewhere)}")
    return "\n".join(lines)


def score_data(score: Score) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "kinds": {name: _kind_data(one) for name, one in score.kinds.items()},
        "false_alarms": len(score.false_alarms),
        "false_alarms_per_day": score.false_alarms_per_day,
        "false_accusations": score.false_accusations,
        "quiet_seconds": score.quiet_seconds,
        "elsewhere": len(score.elsewhere),
    }


def _kind_data(one: KindScore) -> dict[str, Any]:
    shares = ("found", "verdict_first", "verdict_most", "blame_right", "abstained", "blame_wrong")
    return {
        "control": one.control,
        "episodes": one.episodes,
        **{name: _share_data(getattr(one, name)) for name in shares},
        "seconds_median": one.seconds_median,
        "seconds_max": one.seconds_max,
    }


def _share_data(share: Share) -> dict[str, Any]:
    return {**asdict(share), "value": share.value, "low": share.low, "high": share.high}


def _row(one: KindScore) -> tuple[str, ...]:
    if one.control:
        silent = Share(one.episodes - one.found.count, one.episodes)
        said = f"silent: {_share(silent)}"
        return (one.kind, str(one.episodes), said, "", "", "", "", _share(one.blame_wrong), "")
    shares = (one.found, one.verdict_first, one.verdict_most, one.blame_right, one.abstained)
    times = ""
    if one.seconds_median is not None and one.seconds_max is not None:
        times = f"{one.seconds_median:.1f}, at most {one.seconds_max:.1f}"
    return (
        *(one.kind, str(one.episodes), *map(_share, shares)),
        *(_share(one.blame_wrong), times),
    )


def _share(share: Share) -> str:
    return f"{share.count} ({share.low:.0%} to {share.high:.0%})"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [tuple(titles), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
