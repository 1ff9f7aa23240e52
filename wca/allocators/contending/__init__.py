"""The parts of ``ContentionAllocator``."""
