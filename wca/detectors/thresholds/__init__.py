"""The parts of ``ThresholdDetector``."""
