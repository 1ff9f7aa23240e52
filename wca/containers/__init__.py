"""Discovered tasks and their open kernel handles."""

from wca.containers.container import Container
from wca.containers.containers import Containers

__all__ = ["Container", "Containers"]
