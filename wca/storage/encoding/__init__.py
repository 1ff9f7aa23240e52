"""Metrics to text: pure functions from values to values, without files and networks."""

from wca.storage.encoding.prometheus import Encoded, Encoder, Rejected

__all__ = ["Encoded", "Encoder", "Rejected"]
