"""WCA beside other agents: ``python -m benchmarks.peers``."""
