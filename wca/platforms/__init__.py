"""The machine: its topology, memory and clocks."""

from wca.platforms.api import Platform
from wca.platforms.platform import read_platform

__all__ = ["Platform", "read_platform"]
