"""Notifiers: who is told of alerts, each in the words of its receiver."""
