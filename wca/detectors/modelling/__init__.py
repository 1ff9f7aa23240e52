"""The parts of ``ModelDetector``."""
