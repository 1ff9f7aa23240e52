"""HTTP requests of the agent that end in time; for storages, nodes and whatever else asks."""
