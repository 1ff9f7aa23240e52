"""The parts of TaskPerfCollector."""
