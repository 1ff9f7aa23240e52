"""The parts of TaskResctrlCollector."""
