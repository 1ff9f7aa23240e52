"""Metrics in binary: the messages of remote write and OTLP."""
