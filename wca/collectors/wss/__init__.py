"""The parts of TaskWssCollector."""
