"""The machine: its topology, memory and clocks."""

from wca.platforms.platform import Platform, read_platform

__all__ = ["Platform", "read_platform"]
