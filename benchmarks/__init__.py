"""Measurements of the agent's own cost; ``python -m benchmarks`` prints the tables."""
