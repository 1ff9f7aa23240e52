"""What a configuration will cost on this machine, before it is started for the first time."""

from wca.planning.model import Plan
from wca.planning.plan import make_plan
from wca.planning.report import report

__all__ = ["Plan", "make_plan", "report"]
