"""When shards are polled, and how that survives a restart."""
