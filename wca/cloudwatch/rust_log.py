"""``RUST_LOG`` as the levels of our own loggers."""

__all__ = ["levels_of"]

_LEVELS = {"error": "error", "warn": "warning", "info": "info", "debug": "debug", "trace": "trace"}
#: The crate, and the modules of it that log what is emitted.
_CRATE = "cloudwatch_metrics_agent"
_EMITTING = ("publisher", "cloudwatch")


def levels_of(text: str) -> list[str]:
    """Options of ``--log`` that come to the same: ``info``, ``wca.cloudwatch:info``.

    Directives for other crates, and what is none, change nothing, as env_logger has it.

    Args:
        text: the variable.
    """
    found = []
    for directive in text.split(","):
        place, _, level = directive.strip().rpartition("=")
        known = _LEVELS.get(level.lower())
        crate, _, module = place.partition("::")
        if known is None or crate not in ("", _CRATE):
            continue
        found.append(f"wca.cloudwatch:{known}" if module in _EMITTING else known)
    return found
