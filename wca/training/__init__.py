"""Limits of ``ModelDetector``, learned from recordings."""

from wca.training.trainer import Source, train

__all__ = ["Source", "train"]
