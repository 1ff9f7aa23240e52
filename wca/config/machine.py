"""Constraints that only the machine which runs the agent can answer."""

from wca.config.convert import MachineCheck
from wca.config.nodes import Node, Path, Scalar
from wca.config.problems import Problems, format_path
from wca.config.secrets import hidden_texts, scrub

__all__ = ["Machine"]


class Machine:
    """Checks such constraints here, or lists them in ``not_checked`` for the machine they concern.

    Args:
        problems: where failed checks go.
        here: whether this is the machine.
    """

    def __init__(self, problems: Problems, *, here: bool) -> None:
        self.here = here
        self.not_checked: list[str] = []
        self._problems = problems

    def lacks(self, node: Node, path: Path, message: str, constraint: str) -> None:
        """Note that this machine does not meet a constraint: a problem here, elsewhere a remark.

        Args:
            node: where the constraint comes from.
            path: of that node.
            message: the problem.
            constraint: the remark.
        """
        if self.here:
            self._problems.add(node.mark, path, message)
        else:
            self.not_checked.append(f"{node.mark}: {format_path(path)}: {constraint}")

    def check(self, check: MachineCheck, node: Node, path: Path, *, secret: bool) -> None:
        """Check one constraint of a converted value, or list it.

        Args:
            check: the constraint and the value.
            node: where the value is written.
            path: of that node.
            secret: whether the value must not be shown.
        """
        message = ""
        if self.here:
            try:
                check.constraint.check_here(check.value)
            except Exception as error:  # noqa: BLE001 - a plugin may bring constraints of its own
                message = str(error) or "refused here"
            else:
                return
        shown = "" if secret else f" ({_written(node)})"
        message = scrub(message, hidden_texts([check.value], every=secret))
        self.lacks(node, path, message, check.constraint.about_here() + shown)


def _written(node: Node) -> str:
    if not isinstance(node, Scalar) or not node.text:
        return "the default"
    return f"{node.tag} {node.text}".strip()
