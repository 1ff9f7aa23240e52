"""Discovered tasks and their open kernel handles."""

from wca.containers.container import Container, Target
from wca.containers.containers import Containers
from wca.containers.pace import Paces
from wca.containers.probes import Probes

__all__ = ["Container", "Containers", "Paces", "Probes", "Target"]
