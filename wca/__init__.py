"""WCA, the Workload Collocation Agent: one Linux agent built from small parts."""

from wca.version import __version__

__all__ = ["__version__"]
