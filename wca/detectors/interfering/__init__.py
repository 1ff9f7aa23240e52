"""The parts of ``InterferenceDetector``; ``CPIDetector`` shares some of them."""
