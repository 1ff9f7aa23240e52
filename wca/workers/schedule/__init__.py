"""When shards are polled."""
