"""On which kind of CPU something was learned."""

import logging

from wca.errors import ValidationError

__all__ = ["Hardware"]

_log = logging.getLogger(__name__)


class Hardware:
    """The kind of CPU that what was learned is about.

    Costs and waits of one kind say nothing of another one: a state file that has moved to another
    machine, or a virtual machine that has, begins anew.

    Args:
        cpu_model: see ``Platform``; None: the one that is met first.
    """

    def __init__(self, cpu_model: str | None = None) -> None:
        self.cpu_model = cpu_model

    def changed(self, cpu_model: str) -> bool:
        """Take the kind of CPU of now; whether it is another one than before.

        Args:
            cpu_model: see ``Platform``.
        """
        before, self.cpu_model = self.cpu_model, cpu_model
        if before in (None, cpu_model):
            return False
        _log.warning("what was learned on %s is of no use on %s: it begins anew", before, cpu_model)
        return True

    @classmethod
    def load(cls, cpu_model: object) -> "Hardware":
        """What a state tells; None where it does not. Raises ValidationError."""
        if not isinstance(cpu_model, str | None):
            raise ValidationError("cpu_model must be a text")
        return cls(cpu_model)
