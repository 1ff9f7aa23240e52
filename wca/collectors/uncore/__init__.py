"""The parts of NodeUncoreCollector."""
