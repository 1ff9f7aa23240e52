"""The live view of a fleet: one page, what it shows as JSON, and what changes as it happens."""
