"""Parcels that wait in a file, and outlive the agent."""

from wca.storage.spool.spool import Spool

__all__ = ["Spool"]
